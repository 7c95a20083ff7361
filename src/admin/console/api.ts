// What the console asks of the daemon, as JSON: the shapes that both sides share. Times are milliseconds since 1970,
// durations milliseconds, sizes bytes.
import type { Hop } from '../../trace/journey.ts';
import type { Problem } from '../../model/problem.ts';
import type { ResourceKind } from '../../model/envoy/resource.ts';
import type { SourceRef } from '../../model/source.ts';

/** A stretch of a list, beginning at `offset`. */
export interface Stretch<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly offset: number;
}

export interface Overview {
  readonly version: string;
  readonly scope: 'mesh' | 'namespace';
  readonly ready: boolean;
  readonly services: number;
  readonly objects: number;
  readonly proxies: Readonly<Record<SyncState | 'total', number>>;
  readonly problems: { readonly error: number; readonly warning: number };
  readonly rejections: number;
  readonly authority: Authority | undefined;
}

export type SyncState = 'synced' | 'pending' | 'rejecting';

export interface ProxyRow {
  readonly connection: string;
  /** Which it is connected to, where there are several. */
  readonly replica: string | undefined;
  readonly proxy: string;
  readonly namespace: string;
  readonly role: string;
  readonly address: string;
  readonly since: number;
  readonly state: SyncState;
  /** Since when the oldest response waits for its answer; 0 for none. */
  readonly waitingSince: number;
  readonly resources: number;
  /** The latest that a proxy has said about a configuration that it does not take. */
  readonly error: string | undefined;
}

export interface TypeRow {
  readonly type: string;
  readonly resources: number;
  readonly synced: boolean;
  readonly sentAt: number;
  readonly ackedAt: number;
  readonly nacks: number;
  readonly error: string | undefined;
}

export interface ProxyDetail extends ProxyRow {
  readonly identity: string | undefined;
  readonly envoy: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly types: readonly TypeRow[];
  readonly kinds: Readonly<Partial<Record<ConfigurationKind, number>>>;
  readonly unacceptedSecrets: readonly string[];
  /** What it does not take, and the field that is likeliest to blame. */
  readonly rejections: readonly {
    readonly name: string;
    readonly error: string;
    readonly source: SourceRef | undefined;
  }[];
}

export type ConfigurationKind = Exclude<ResourceKind, 'secret'>;

export interface ResourceName {
  readonly kind: ConfigurationKind;
  readonly name: string;
}

/** One leaf of a resource that has what was looked for in its path, its value or its cause. */
export interface Hit extends ResourceName {
  readonly field: string;
  readonly value: string;
  readonly causes: readonly SourceRef[];
}

/** `next`: where to look on; undefined after everything, which is `complete`, and after enough. */
export interface Hits {
  readonly hits: readonly Hit[];
  readonly next: number | undefined;
  readonly complete: boolean;
}

/** Where in a resource to look: at what is below `field`, from the line `offset` on, and at the way to the field `open`. */
export interface BranchPlace {
  readonly field: string;
  readonly open: string;
  /** undefined: where the way to `open` begins. */
  readonly offset: number | undefined;
}

/** A stretch of what is below a field of a resource. */
export interface Branch {
  readonly version: string;
  readonly lines: Stretch<TreeLine>;
}

/** A field, or an item of a list: with its value, or with what is below it. */
export interface TreeLine {
  /** `timeout`, `[2]` */
  readonly step: string;
  readonly causes: readonly SourceRef[];
  readonly value?: string;
  /** Lines below it. */
  readonly parts?: number;
  /** What it is about. */
  readonly words?: string;
  /** The first of them, where they were so few that they come along. */
  readonly below?: Stretch<TreeLine>;
}

export interface ObjectRow {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly apiVersion: string;
  readonly created: string;
  readonly errors: number;
  readonly warnings: number;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface ObjectDetail extends ObjectRow {
  readonly conditions: readonly Condition[];
  readonly problems: readonly Problem[];
  readonly rejections: readonly { readonly name: string; readonly error: string; readonly proxies: number }[];
}

/** Where an object is among the causes of what proxies have. */
export interface Effect {
  /** Of how many that were looked at. */
  readonly proxies: number;
  readonly affected: number;
  /** Of the affected, those that have accepted everything of the kinds concerned. */
  readonly live: number;
  /** The first of them, by name. */
  readonly names: readonly string[];
  readonly resources: readonly ResourceName[];
  /** Why it is nowhere, where it is. */
  readonly reasons: readonly Problem[];
}

export interface GraphNode {
  readonly id: string;
  readonly role: 'namespace' | 'service' | 'gateway' | 'external';
  readonly name: string;
  readonly namespace: string;
  /** Endpoints that may be sent to, and all. */
  readonly healthy: number;
  readonly endpoints: number;
  /** What its proxies ask of who connects; undefined where no proxy is connected that says so. */
  readonly mtls: 'strict' | 'permissive' | 'disabled' | 'mixed' | undefined;
  readonly problems: number;
  /** Services behind a namespace. */
  readonly services: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** What leads along it: the routes, by object; or what was measured. */
  readonly causes: readonly SourceRef[];
  readonly traffic: Traffic | undefined;
}

export interface Traffic {
  readonly requestsPerSecond: number;
  readonly errorsPerSecond: number;
  /** From 0 to 1: what goes through mutual TLS. */
  readonly mutual: number;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Of the whole mesh, for who wants to look at one. */
  readonly namespaces: readonly string[];
  /** Nodes that there was no room for. */
  readonly left: number;
  /** Whether traffic is known. */
  readonly measured: boolean;
}

export interface Authority {
  readonly stage: string;
  readonly origin: string;
  /** Proxies that a rotation waits for. */
  readonly waiting: readonly string[];
  readonly signer: Certificate;
  readonly roots: readonly Certificate[];
}

export interface Certificate {
  readonly subject: string;
  readonly notAfter: number;
  /** Of its life, from 1 to 0. */
  readonly left: number;
  readonly urgency: number;
}

export interface Certificates extends Authority {
  readonly unaccepted: Stretch<{ readonly proxy: string; readonly secrets: readonly string[] }>;
}

export interface TraceQuestion {
  readonly from: string;
  readonly method: string;
  readonly url: string;
  /** `name: value` */
  readonly headers: readonly string[];
  /** `name=value` of a valid token. */
  readonly claims: readonly string[];
}

export interface ResourceChange extends ResourceName {
  readonly change: 'appears' | 'disappears' | 'changes';
  readonly fields: readonly FieldChange[];
  /** Fields that are not listed. */
  readonly more: number;
}

export interface FieldChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly causes: readonly string[];
}

/** Proxies for which the same changes. */
export interface ProxyChanges {
  /** The first of them. */
  readonly proxies: readonly string[];
  readonly count: number;
  readonly resources: readonly ResourceChange[];
  /** Resources that are not listed. */
  readonly more: number;
}

/** A request's way, and what is known to be wrong with anything that it met. */
export interface Traced extends Hop {
  readonly problems: readonly Problem[];
}

/** Manifests as YAML: what would be applied, and what would be deleted. */
export interface WrittenChange {
  readonly apply: string;
  readonly remove: string;
}

export interface Difference {
  readonly objects: readonly SourceRef[];
  readonly problems: readonly Problem[];
  readonly looked: number;
  readonly changed: number;
  readonly groups: readonly ProxyChanges[];
  /** Groups that are not listed. */
  readonly more: number;
}

/** Why a question cannot be answered, for the one who asks. */
export interface Refused {
  readonly refused: string;
}
