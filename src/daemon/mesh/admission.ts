// Admission as the daemon answers it: the webhooks, joined to the mesh as it is, so that what an object would do to others
// is told before it is stored.
import { randomUUID } from 'node:crypto';

import { bootstrapPatchesOf } from './bootstrap-patching.ts';
import { admissionEffects, injectionImages, nativeSidecars } from '../../config.ts';
import { admittedEffect, seldom } from './admitted-effect.ts';
import type { LiveMesh } from './live-mesh.ts';
import type { AdmissionMetrics } from '../../metrics/admission-metrics.ts';
import { memo } from '../../model/memo.ts';
import { objectKey } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { AnyObject } from '../../model/schema/index.ts';
import type { TlsSource } from '../../model/external/secret-source.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { AdmissionHandler, AdmissionRequest } from '../../webhooks/admission-review.ts';
import { findKind } from '../../watchers/kinds.ts';
import type { WebhookServer } from '../../webhooks/server.ts';
import { injectionHandler } from '../../webhooks/inject/handler.ts';
import type { Installed } from '../../webhooks/inject/source.ts';
import { injectionReport, injectionSource } from '../../webhooks/inject/source.ts';
import { createWebhookServer } from '../../webhooks/server.ts';
import { validationHandler } from '../../webhooks/validate.ts';
import type { Translation } from '../../translate/translate.ts';
import { findMessage } from '../../xds/codec/descriptors.ts';
import type { Log } from '../../xds/log.ts';

/** Those that are connected, to whichever replica. */
type AllProxies = () => Promise<readonly Pick<ProxyStatus, 'proxy' | 'node'>[]>;

/** Serves nothing before it listens. */
export function webhookServer(
  mesh: LiveMesh,
  tls: TlsSource,
  log: Log,
  metrics: AdmissionMetrics,
  proxies: AllProxies,
): WebhookServer {
  const onFault = (error: unknown): void =>
    log.error('an admission cannot be decided', { reason: error instanceof Error ? error.stack : String(error) });
  return createWebhookServer({
    tls,
    validate: measured(
      validationHandler({
        context: { findMessage },
        crossObjectProblems: (object) => newProblems(mesh, object),
        effect: effectOf(mesh, proxies, admissionEffects()),
        onFault,
      }),
      metrics,
    ),
    inject: injection(mesh, log, metrics),
    onFault,
  });
}

const accounts = 'system:serviceaccount:';
/** Of work, in milliseconds. */
const effectBudget = 100;

/** What the object changes for the connected proxies. Programs, that have no use for it, are told where that is asked for. */
export function effectOf(
  mesh: Pick<LiveMesh, 'snapshot' | 'translated' | 'translation'>,
  proxies: AllProxies,
  told: ReturnType<typeof admissionEffects>,
  budget = effectBudget,
): (object: AnyObject, request: Pick<AdmissionRequest, 'username'>) => Promise<string | undefined> {
  const effect = seldom(async (object: AnyObject) => {
    const connected = await proxies();
    const after = withAdmitted(mesh, mesh.snapshot, object);
    const before = mesh.translation;
    return admittedEffect(
      {
        proxies: connected,
        before: (node) => before.configuration(node),
        after: (node) => after.configuration(node),
      },
      budget,
    );
  });
  const isTold = (username: string): boolean => told === 'all' || (told === 'people' && !username.startsWith(accounts));
  return async (object, { username }) => (isTold(username) ? effect(object) : undefined);
}

const measured =
  (handler: AdmissionHandler, { validated }: AdmissionMetrics): AdmissionHandler =>
  async (request, path) => {
    const response = await handler(request, path);
    const { group, version, kind } = request.kind;
    const known = findKind(group === '' ? version : `${group}/${version}`, kind);
    if (known !== undefined) validated({ group, version, resource: known.plural }, response.allowed);
    return response;
  };

function injection(mesh: LiveMesh, log: Log, metrics: AdmissionMetrics): AdmissionHandler {
  return injectionHandler(
    injectionSource(installedInjector(mesh), () => mesh.snapshot, {
      newToken: randomUUID,
      onDecision: (decision) => {
        log.info('injection', decision);
        metrics.injection(decision.outcome);
      },
    }),
  );
}

function installedInjector({ installation }: LiveMesh): Installed {
  const { revision, systemNamespace, clusterDomain, clusterId } = installation;
  const images = injectionImages();
  const constant = { revision, systemNamespace, clusterDomain, clusterId, images, nativeSidecars: nativeSidecars() };
  return { ...constant, patchesOf: bootstrapPatchesOf };
}

/** For who asks why a Pod has the sidecar that it has. */
export const injectionState = (mesh: LiveMesh): object => injectionReport(installedInjector(mesh), mesh.snapshot);

/** What would be wrong with the mesh if it had this object: what concerns the object itself, and what was fine before. */
export function newProblems(
  mesh: Pick<LiveMesh, 'snapshot' | 'translation' | 'translated'>,
  object: AnyObject,
): readonly Problem[] {
  const before = new Set(wrongWith(mesh.translation).map(described));
  return wrongWith(withAdmitted(mesh, mesh.snapshot, object)).filter(
    (problem) => isAbout(problem, object.source) || !before.has(described(problem)),
  );
}

/** Both questions about an object look at the same. */
const withAdmitted = memo((mesh: Pick<LiveMesh, 'translated'>, snapshot: Snapshot, object: AnyObject): Translation =>
  mesh.translated(withObject(snapshot, object)),
);

const wrongWith = (translation: Translation): readonly Problem[] => [
  ...translation.problems,
  ...translation.unresolved(),
];

const described = ({ code, message, source }: Problem): string => JSON.stringify([code, message, source]);

const isAbout = ({ source }: Problem, { kind, namespace, name }: SourceRef): boolean =>
  source?.kind === kind && source.namespace === namespace && source.name === name;

function withObject({ version, objects }: Snapshot, object: AnyObject): Snapshot {
  const { kind, metadata } = object;
  const before: ReadonlyMap<string, AnyObject> = objects[kind as keyof typeof objects];
  // Where the oldest counts, one that is not there yet is the last.
  const dated = { ...object, metadata: { ...metadata, creationTimestamp: metadata.creationTimestamp || endOfTime } };
  const after = new Map(before).set(objectKey(metadata.namespace, metadata.name), dated);
  return { version, objects: { ...objects, [kind]: after } };
}

const endOfTime = '9999-12-31T23:59:59Z';
