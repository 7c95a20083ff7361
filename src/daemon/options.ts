// What a daemon is started with, and what it is for those who started it.
import type { LogLevelSwitch } from '../admin/http.ts';
import type { CertificatesOptions } from '../ca/certificates.ts';
import type { AuthorityStatus } from '../ca/root/resident.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { Problem } from '../model/problem.ts';
import type { FetchOptions } from '../watchers/fetch/limited-fetch.ts';
import type { Log } from '../xds/log.ts';
import type { ProxyStatus } from '../xds/status.ts';
import type { ExplainedRejection } from './introspection/introspection.ts';
import type { SpanExport } from './introspection/tracing/span-exporter.ts';
import type { ModuleFetching } from './mesh/live-mesh.ts';

export interface DaemonOptions {
  /** The directory of YAML that is the whole configuration, or the cluster that has it. */
  readonly config: string | KubernetesClient;
  /** The directory in which the authority is kept; without it, the cluster keeps it for all replicas. */
  readonly state?: string;
  /** `host:port` of xDS over TLS. */
  readonly xdsAddress: string;
  /** `host:port` of xDS without TLS, for proxies that are set up so; without it there is none. */
  readonly plaintextAddress?: string;
  /** Further DNS names under which proxies find this server. */
  readonly dnsNames?: readonly string[];
  /** `host:port` of metrics, version and debug pages; without it there are none. */
  readonly monitoringAddress?: string;
  /** The Prometheus that reads the proxies' metrics, for the console's graph. */
  readonly prometheus?: string;
  /** `host:port` of readiness and debug pages; without it there are none. */
  readonly httpAddress?: string;
  /** `host:port` of the log's level, for istioctl; without it there is none. */
  readonly controlzAddress?: string;
  /** Which of several control planes of a cluster this is, and the namespace that has its own objects. */
  readonly revision?: string;
  readonly systemNamespace?: string;
  /** What this process is called among the replicas of a control plane; its Pod, if it does not say. */
  readonly replica?: string;
  /** `host:port` of the admission webhooks, over TLS; without it there are none. */
  readonly webhookAddress?: string;
  /** After how many milliseconds a proxy's connection is closed, so that it may find another replica. */
  readonly connectionAge?: number;
  /** How long workload certificates are good for, in milliseconds. */
  readonly certificateTtl?: number;
  /** The keys that are made, and how fast a rotation goes. */
  readonly authority?: Pick<CertificatesOptions, 'rootKeys' | 'workloadKeys' | 'pace' | 'spread'>;
  readonly log: Log;
  /** How much it tells; without it nobody can change that. */
  readonly logLevel?: LogLevelSwitch;
  /** How keys of token issuers are fetched. */
  readonly keys?: FetchOptions;
  /** How WebAssembly modules are fetched; without it each proxy has to see for itself. */
  readonly modules?: ModuleFetching;
  /** Where spans of changes go; without it there are none. */
  readonly spans?: SpanExport;
  /** All problems there are, whenever they have changed. */
  readonly onProblems: (problems: readonly Problem[]) => void;
}

export interface Daemon {
  /** The port of xDS, for when it was left to the system. */
  readonly port: number;
  /** Likewise of xDS without TLS, of metrics and debug pages, and of readiness. */
  readonly plaintextPort: number | undefined;
  readonly monitoringPort: number | undefined;
  readonly httpPort: number | undefined;
  readonly webhookPort: number | undefined;
  status(): readonly ProxyStatus[];
  rejections(): readonly ExplainedRejection[];
  problems(): readonly Problem[];
  /** Resolves when every WebAssembly module that is named has been fetched, or tried in vain. */
  modulesFetched(): Promise<void>;
  /** Who signs, until when, and how far a rotation is. */
  authority(): AuthorityStatus;
  close(): Promise<void>;
}
