// A stream of somebody who looks into the control plane instead of being configured by it: istioctl, whose node says
// `GENERATOR: event`. Every request is answered once and nothing is ever pushed.
// https://istio.io/latest/docs/reference/commands/istioctl/#istioctl-proxy-status
import type { DebugScope, DebugSource } from '../../model/proxy/debug.ts';
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { DeltaRequest, SotwRequest } from '../subscription/requests.ts';
import { debugScope, isInScope, notConnected } from '../../model/proxy/debug.ts';
import { encodeMessage } from '../codec/encode.ts';
import { clientConfig, nodeMessage } from './client-config.ts';
import type { AnyBytes } from './debug-response.ts';
import { debugResponse } from './debug-response.ts';

const types = {
  syncStatus: 'istio.io/debug/syncz',
  configDump: 'istio.io/debug/config_dump',
  page: 'istio.io/debug',
  nodes: ['istio.io/connect', 'istio.io/connections'],
} as const;

/** Of the state of the world only; in bytes. */
const longestAnswer = 256 << 20;

export interface DebugEnvironment {
  readonly source: DebugSource;
  readonly proxies: () => readonly ProxyStatus[];
}

/** The caller's mistake; its message is for them. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly reason: 'denied' | 'invalid' | 'missing';

  constructor(reason: RefusedRequest['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Whether this node asks to look rather than to be configured. */
export const isDebugClient = (node: NodeInfo): boolean => node.metadata['GENERATOR'] === 'event';

export class DebugStream {
  readonly #environment: DebugEnvironment;
  readonly #scope: DebugScope;
  #nonce = 0;

  /** Throws a RefusedRequest when nobody vouches for the caller. */
  constructor(identity: WorkloadIdentity | undefined, environment: DebugEnvironment) {
    const scope = debugScope(identity, environment.source.systemNamespaces);
    if (scope === undefined) throw new RefusedRequest('denied', 'debug types need an authenticated caller');
    this.#scope = scope;
    this.#environment = environment;
  }

  /** The response; undefined if the request only acknowledges one. Throws a RefusedRequest. */
  async answer(request: DeltaRequest | SotwRequest): Promise<Buffer | undefined> {
    if (request.nonce !== '') return undefined;
    if (!('names' in request)) throw new RefusedRequest('invalid', 'debug types are served state of the world only');
    const resources = await this.#resources(request);
    if (resources.reduce((sum, { bytes }) => sum + bytes.length, 0) > longestAnswer)
      throw new RefusedRequest('invalid', 'the answer is too long: ask for one namespace');
    const nonce = String(++this.#nonce);
    const { controlPlane } = this.#environment.source;
    return debugResponse({ typeUrl: request.typeUrl, nonce, resources, controlPlane });
  }

  async #resources({ typeUrl, names }: SotwRequest): Promise<readonly AnyBytes[]> {
    if (typeUrl === types.syncStatus) return this.#proxies().map(clientConfigAny);
    if (typeUrl === types.configDump) return this.#configDump(onlyName(names));
    if (typeUrl === types.page) return [await this.#page(onlyName(names))];
    if (types.nodes.some((type) => type === typeUrl)) return this.#proxies().map(nodeAny);
    throw new RefusedRequest('invalid', `there is nothing of the type '${typeUrl}' for who only looks`);
  }

  #proxies(): readonly ProxyStatus[] {
    return this.#environment.proxies().filter(({ namespace }) => isInScope(this.#scope, namespace));
  }

  #configDump(name: string): readonly AnyBytes[] {
    const isVisible = this.#proxies().some(({ proxy }) => proxy === name);
    const sections = isVisible ? this.#environment.source.configDump(name) : undefined;
    if (sections === undefined) throw new RefusedRequest('missing', notConnected);
    return sections;
  }

  async #page(path: string): Promise<AnyBytes> {
    const { body } = await this.#environment.source.page(path, this.#scope);
    return { type: types.page, bytes: Buffer.from(body) };
  }
}

function onlyName(names: readonly string[]): string {
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new RefusedRequest('invalid', 'exactly one resource name is needed');
  return name;
}

const clientConfigName = 'envoy.service.status.v3.ClientConfig';
const nodeName = 'envoy.config.core.v3.Node';
const any = (name: string, message: object): AnyBytes => ({
  type: `type.googleapis.com/${name}`,
  bytes: encodeMessage(name, message),
});

const clientConfigAny = (status: ProxyStatus): AnyBytes => any(clientConfigName, clientConfig(status));
const nodeAny = ({ node }: ProxyStatus): AnyBytes => any(nodeName, nodeMessage(node));
