// The daemon: joins the parts that know nothing of each other. Objects from a directory, translation, the authority,
// and the xDS server that the proxies talk to.
import { readdir } from 'node:fs/promises';

import type { Metadata } from '@grpc/grpc-js';

import { openAuthority } from './ca/authority.ts';
import { fileSecrets, isFileSecret } from './ca/file-secrets.ts';
import { workloadSecrets } from './ca/secrets.ts';
import { serverIdentity } from './ca/server-identity.ts';
import type { SubjectNames } from './ca/template.ts';
import { tokenAuthority } from './ca/token.ts';
import { directoryRoot, tokenAudience, trustDomainOf } from './credentials.ts';
import { invariant } from './model/invariant.ts';
import { objectKey } from './model/object.ts';
import type { Problem } from './model/problem.ts';
import type { Configuration, NodeInfo } from './model/resource.ts';
import type { SecretSource, Workload } from './model/secret-source.ts';
import type { Snapshot } from './model/snapshot.ts';
import { emptySnapshot } from './model/snapshot.ts';
import type { SourceRef } from './model/source.ts';
import { describeSource } from './model/source.ts';
import { causingObjects, resourceOrigins } from './translate/origins.ts';
import { canonical, podWorkload } from './translate/resolve/workload.ts';
import type { Translation } from './translate/translate.ts';
import { translate } from './translate/translate.ts';
import { watchDirectory } from './watchers/directory.ts';
import type { Log } from './xds/log.ts';
import type { Rejection } from './xds/quarantine.ts';
import type { XdsServer } from './xds/server.ts';
import { createXdsServer } from './xds/server.ts';
import type { ProxyStatus } from './xds/status.ts';

export interface DaemonOptions {
  /** The directory of YAML that is the whole configuration. */
  readonly config: string;
  /** Where the authority's root is kept. */
  readonly state: string;
  /** `host:port` of xDS over TLS. */
  readonly xdsAddress: string;
  /** Further DNS names under which proxies find this server. */
  readonly dnsNames?: readonly string[];
  /** How long workload certificates are good for, in milliseconds. */
  readonly certificateTtl?: number;
  readonly log: Log;
  /** All problems there are, whenever they have changed. */
  readonly onProblems: (problems: readonly Problem[]) => void;
}

/** A resource that a proxy refused, and the objects that it came from. */
export interface ExplainedRejection extends Rejection {
  readonly causes: readonly SourceRef[];
}

export interface Daemon {
  /** The port of xDS, for when it was left to the system. */
  readonly port: number;
  status(): readonly ProxyStatus[];
  rejections(): readonly ExplainedRejection[];
  problems(): readonly Problem[];
  close(): Promise<void>;
}

/** Resolves when proxies can connect. Throws when the directory, the state or the address cannot be used. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log } = options;
  // A directory that is missing at the start is a mistake; later it may come and go.
  await readdir(options.config).catch((cause: Error) => {
    throw new Error(`the directory ${options.config} cannot be read`, { cause });
  });
  const stopping = new AbortController();
  const mesh = new LiveMesh(options.onProblems);
  await watchDirectory(options.config, (snapshot, problems) => mesh.replace(snapshot, problems), {
    signal: stopping.signal,
  });
  const root = await directoryRoot(options.state, trustDomainOf(mesh.snapshot), Date.now());
  const authority = await openAuthority(root);
  const identity = serverIdentity({
    authority,
    ...(options.dnsNames !== undefined && { dnsNames: options.dnsNames }),
    onFault: (error) => log.error('no certificate for this server', { reason: String(error) }),
  });
  await identity.ready;
  const server = createXdsServer({
    translate: (node) => mesh.configuration(node),
    secrets: withFiles(
      workloadSecrets({
        authority,
        names: (workload) => subjectNames(workload, mesh.snapshot),
        onFault: ({ node }, error) => log.error('no certificate for a proxy', { node: node.id, reason: String(error) }),
        ...(options.certificateTtl !== undefined && { ttl: options.certificateTtl }),
      }),
    ),
    authenticate: bearerToken(tokenAuthority(root.privateKey)),
    tls: identity,
    log,
    onRejected: (rejection) => {
      const { type, name, error } = rejection;
      const causes = causingObjects(resourceOrigins(rejection.resource)).map(describeSource).join(', ');
      log.error('a resource is rejected; its last good version stays in force', { type, name, causes, error });
    },
  });
  mesh.onChange = () => void server.update();
  const port = await server.listen(options.xdsAddress);
  return {
    port,
    status: () => server.status(),
    rejections: () => explained(server),
    problems: () => mesh.problems,
    close: async () => {
      stopping.abort();
      identity.stop();
      await server.close();
    },
  };
}

const withFiles = (others: SecretSource): SecretSource => ({
  watch: (workload, name, onChange, signal) =>
    (isFileSecret(name) ? fileSecrets : others).watch(workload, name, onChange, signal),
});

const explained = (server: XdsServer): readonly ExplainedRejection[] =>
  server
    .rejections()
    .map((rejection) => ({ ...rejection, causes: causingObjects(resourceOrigins(rejection.resource)) }));

/** The mesh as it is now: what the server asks for while the directory changes under it. */
class LiveMesh {
  onChange: () => void = () => {};
  snapshot: Snapshot = emptySnapshot;
  problems: readonly Problem[] = [];
  #translation: Translation = translate(emptySnapshot);
  readonly #onProblems: (problems: readonly Problem[]) => void;

  constructor(onProblems: (problems: readonly Problem[]) => void) {
    this.#onProblems = onProblems;
  }

  replace(snapshot: Snapshot, problems: readonly Problem[]): void {
    this.snapshot = snapshot;
    this.#translation = translate(snapshot);
    this.problems = [...problems, ...this.#translation.problems];
    this.#onProblems(this.problems);
    this.onChange();
  }

  configuration(node: NodeInfo): Configuration {
    const configuration = this.#translation.configuration(node);
    invariant(configuration !== undefined, `a proxy with the node id '${node.id}' was let in`);
    return configuration;
  }
}

/**
 * What a certificate's Subject tells of the workload, beyond its identity: metrics name peers by it. The Pod's own object
 * says so if it runs under the proven identity; only for workloads without one is the proxy's word taken.
 */
function subjectNames({ identity, node }: Workload, { objects }: Snapshot): Omit<SubjectNames, 'namespace'> {
  const podName = node.id.split('~')[2]?.slice(0, -identity.namespace.length - 1) ?? '';
  const pod = objects.Pod.get(objectKey(identity.namespace, podName));
  const names =
    pod !== undefined && (pod.spec.serviceAccountName ?? 'default') === identity.serviceAccount
      ? podWorkload(pod)
      : canonical((node.metadata['LABELS'] ?? {}) as Readonly<Record<string, string>>, podName, 'latest');
  return { workload: names.workload, app: names.canonicalName, version: names.canonicalRevision };
}

const bearerToken = (tokens: ReturnType<typeof tokenAuthority>) => (metadata: Metadata) => {
  const [header = ''] = metadata.get('authorization').map(String);
  const token = header.startsWith('Bearer ') ? header.slice('Bearer '.length) : '';
  return Promise.resolve(tokens.verify(token, { audience: tokenAudience, now: Date.now() }));
};
