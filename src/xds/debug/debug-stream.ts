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

/** Who asks, and from where. */
export interface DebugCaller {
  readonly identity: WorkloadIdentity | undefined;
  /** `address:port` */
  readonly peer: string;
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
  readonly #source: DebugSource;
  readonly #peer: string;
  readonly #scope: DebugScope;
  #nonce = 0;

  /** Throws a RefusedRequest when nobody vouches for the caller. */
  constructor({ identity, peer }: DebugCaller, source: DebugSource) {
    const scope = debugScope(identity, source.systemNamespaces);
    if (scope === undefined) throw new RefusedRequest('denied', 'debug types need an authenticated caller');
    this.#scope = scope;
    this.#source = source;
    this.#peer = peer;
  }

  /** The response; undefined if the request only acknowledges one. Throws a RefusedRequest. */
  async answer(request: DeltaRequest | SotwRequest): Promise<Buffer | undefined> {
    if (this.#isOwn(request.nonce)) return undefined;
    if (!('names' in request)) throw new RefusedRequest('invalid', 'debug types are served state of the world only');
    const { resources, unheard } = await this.#answer(request);
    if (resources.reduce((sum, { bytes }) => sum + bytes.length, 0) > longestAnswer)
      throw new RefusedRequest('invalid', 'the answer is too long: ask for one namespace');
    const nonce = String(++this.#nonce);
    return debugResponse({
      typeUrl: request.typeUrl,
      nonce,
      resources,
      controlPlane: this.#source.controlPlane(unheard),
    });
  }

  /** istioctl's very first request has a nonce, which is the time. */
  #isOwn(nonce: string): boolean {
    return /^\d+$/.test(nonce) && Number(nonce) >= 1 && Number(nonce) <= this.#nonce;
  }

  async #answer({ typeUrl, names }: SotwRequest): Promise<Answered> {
    if (typeUrl === types.syncStatus) return this.#listed(clientConfigAny);
    if (typeUrl === types.configDump) return this.#configDump(onlyName(names));
    if (typeUrl === types.page) return this.#page(onlyName(names));
    if (types.nodes.some((type) => type === typeUrl)) return this.#listed(nodeAny);
    throw new RefusedRequest('invalid', `there is nothing of the type '${typeUrl}' for who only looks`);
  }

  async #listed(print: (status: ProxyStatus) => AnyBytes): Promise<Answered> {
    const { proxies, unheard } = await this.#source.proxies(this.#peer);
    return { resources: proxies.filter((status) => this.#isVisible(status)).map(print), unheard };
  }

  #isVisible({ namespace }: ProxyStatus): boolean {
    return isInScope(this.#scope, namespace);
  }

  async #configDump(name: string): Promise<Answered> {
    const { proxies, unheard } = await this.#source.everyProxy();
    const found = proxies.find((status) => status.proxy === name && this.#isVisible(status));
    if (found === undefined) throw new RefusedRequest('missing', notConnected);
    return { resources: this.#source.configDump(found.node), unheard };
  }

  async #page(path: string): Promise<Answered> {
    const { body, unheard } = await this.#source.page(path, this.#scope);
    return { resources: [{ type: types.page, bytes: Buffer.from(body) }], unheard };
  }
}

interface Answered {
  readonly resources: readonly AnyBytes[];
  readonly unheard: readonly string[];
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
