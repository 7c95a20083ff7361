// What the daemon tells about itself, put together from its parts: the answers behind the debug pages and istioctl.
import { readFileSync } from 'node:fs';

import { Metadata } from '@grpc/grpc-js';

import type { ControlPlane, VersionInfo } from '../../admin/control-plane.ts';
import { debugPage } from '../../admin/debug-page.ts';
import { certificateProblems } from '../../inspect/certificate-problems.ts';
import { decodedConfiguration } from '../../inspect/decoded.ts';
import { proxyProblems } from '../../inspect/proxy-problems.ts';
import { blamedSource, rejectionProblem } from '../../inspect/rejection-problem.ts';
import type { CertificateHolder } from '../../model/proxy/certificate-holder.ts';
import type { DebugSource } from '../../model/proxy/debug.ts';
import type { Problem } from '../../model/problem.ts';
import type { Push } from '../../model/proxy/push.ts';
import type { ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { Configuration, NodeInfo } from '../../model/envoy/resource.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import { causingObjects, resourceOrigins } from '../../translate/origins.ts';
import type { Translation } from '../../translate/translate.ts';
import { kindRows } from '../../watchers/kinds.ts';
import { configDump, printSection } from '../../xds/debug/config-dump.ts';
import type { Authenticate, XdsServer } from '../../xds/server.ts';
import type { Rejection } from '../../xds/subscription/quarantine.ts';
import type { AskPeers } from '../../model/proxy/replica.ts';
import { cacheSizes } from './cache-sizes.ts';
import { cpuProfile, memory } from './profile.ts';
import { everywhere } from './replicas.ts';

export interface ExplainedRejection extends Rejection {
  /** The objects that the rejected resource came from. */
  readonly causes: readonly SourceRef[];
  /** The field that is likeliest to blame. */
  readonly source: SourceRef | undefined;
}

export const explainRejection = (rejection: Rejection): ExplainedRejection => ({
  ...rejection,
  causes: causingObjects(resourceOrigins(rejection.resource)),
  source: blamedSource(rejection.resource),
});

/** The parts that know the answers; all but the names are asked anew each time. */
export interface Known {
  /** Of this replica among others. */
  readonly replica: string;
  readonly systemNamespaces: readonly string[];
  readonly server: () => XdsServer;
  readonly translation: () => Translation;
  readonly configuration: (node: NodeInfo) => Configuration;
  /** The same as it is delivered to the proxy: with virtual hosts by themselves, where it takes them so. */
  readonly delivered: (node: NodeInfo) => Configuration;
  readonly snapshot: () => Snapshot;
  readonly problems: () => readonly Problem[];
  /** Proxies of this replica of whose certificates something is to be told. */
  readonly uncertain: () => readonly CertificateHolder[];
  /** What this replica has sent lately, the latest first. */
  readonly pushes: () => readonly Push[];
  /** How Pods are injected; undefined where none are. */
  readonly injection: () => object | undefined;
  readonly isReady: () => boolean;
  /** What the other replicas say. */
  readonly peers: AskPeers;
  /** Whether a call from there comes through a port that is forwarded to this replica. */
  readonly isForwarded: (peer: string) => boolean;
  readonly authenticate: Authenticate;
  readonly metricsText: () => Promise<string>;
}

const { version: packageVersion } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as {
  readonly version: string;
};

export const versionInfo: VersionInfo = {
  version: packageVersion,
  revision: 'keelson',
  golang_version: `node ${process.version}`,
  status: 'Clean',
  tag: packageVersion,
};

export function controlPlane(known: Known): ControlPlane {
  const { server, translation, configuration, replica, peers } = known;
  const rejections = () => server().rejections().map(explainRejection).map(shownRejection);
  const lasting = (proxies: readonly ProxyStatus[], holders: readonly CertificateHolder[]) => [
    ...known.problems(),
    ...certificateProblems({
      holders,
      connected: new Set(proxies.map(({ proxy }) => proxy)),
      objects: known.snapshot().objects,
      now: Date.now(),
    }),
  ];
  const plane: ControlPlane = {
    everywhere: (wanted = {}) => everywhere({ replica, plane, problems: lasting, peers }, wanted),
    version: versionInfo,
    systemNamespaces: known.systemNamespaces,
    isReady: known.isReady,
    isReachedElsewhere: () => known.isForwarded('127.0.0.1:0'),
    snapshot: known.snapshot,
    mesh: () => translation().mesh,
    view: (node) => translation().view(node),
    proxies: () => server().status(),
    held: ({ connection }) => server().held(connection),
    configDump: (node, withEndpoints) => configDump(known.delivered(node), withEndpoints).map(printSection),
    resources: (node) => decodedConfiguration(configuration(node)),
    uncertain: known.uncertain,
    problems: () => [...lasting(server().status(), known.uncertain()), ...rejections().map(rejectionProblem)],
    conflicts: (node) => proxyProblems(translation(), node, Date.now()),
    hostProblems: (node, host) => translation().hostProblems(node, host),
    objectProblems: (node, object) => translation().objectProblems(node, object),
    patchPlaces: (node) => translation().patchPlaces(node),
    rejections,
    clusters: () => [{ id: translation().mesh.settings.clusterId, secretName: '', syncStatus: 'synced' }],
    kinds: () => readKinds,
    counters: () => server().counters(),
    cacheSizes: () =>
      cacheSizes(
        new Set(
          server()
            .status()
            .map(({ node }) => known.delivered(node)),
        ),
      ),
    cpuProfile,
    memory,
    injection: known.injection,
    pushes: known.pushes,
    push: () => void server().update(),
    authenticate: (authorization) => {
      const metadata = new Metadata();
      if (authorization !== '') metadata.set('authorization', authorization);
      return known.authenticate(metadata, undefined);
    },
    metricsText: known.metricsText,
  };
  return plane;
}

const readKinds = kindRows.map(({ group, versions: [version = ''], objectKind: kind }) => ({ group, version, kind }));

const shownRejection = ({ type, name, error, nodes, since, causes, source }: ExplainedRejection) => {
  return { type, name, error, nodes, since, causes, source };
};

/**
 * The same answers for istioctl, which asks over xDS. It goes through a forwarded port to one replica after the other and
 * prints all their answers: whom each of them listed would be there as often as there are replicas.
 */
export function debugSource(known: Known, plane: ControlPlane): DebugSource {
  const everyProxy = async () => {
    const { plane: joint, unheard } = await plane.everywhere();
    return { proxies: joint.proxies(), unheard };
  };
  return {
    systemNamespaces: known.systemNamespaces,
    page: (path, scope) => debugPage(plane, path, scope),
    proxies: (peer) =>
      known.isForwarded(peer) ? Promise.resolve({ proxies: plane.proxies(), unheard: [] }) : everyProxy(),
    everyProxy,
    configDump: (node) => configDump(known.delivered(node)),
    controlPlane: (unheard) =>
      JSON.stringify({
        Component: 'istiod',
        ID: known.replica,
        Info: versionInfo,
        ...(unheard.length > 0 && { Unheard: unheard }),
      }),
  };
}
