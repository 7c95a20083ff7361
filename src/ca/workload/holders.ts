// Remembers until when the certificate of every proxy is good. Proxies that have gone stay known: whoever cannot come back
// goes on with the certificate it had, and nobody else knows when that ends.
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { CertificateHolder } from '../../model/proxy/certificate-holder.ts';
import { proxyName } from '../../model/proxy/proxy-status.ts';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';

/** Of those that have gone. */
const mostGone = 10_000;

export class CertificateHolders {
  readonly #clock: Clock;
  /** In the order in which they last came or went. */
  readonly #holders = new Map<string, CertificateHolder>();
  #gone = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  issued(node: NodeInfo, until: number): void {
    this.#set(node, { until, fault: undefined });
  }

  failed(node: NodeInfo, reason: string): void {
    this.#set(node, { fault: reason });
  }

  joined(node: NodeInfo): void {
    this.#set(node, { leftAt: undefined });
  }

  left(node: NodeInfo): void {
    this.#set(node, { leftAt: this.#clock.now() });
    if (this.#gone <= mostGone) return;
    const oldest = [...this.#holders.values()].find(({ leftAt }) => leftAt !== undefined);
    if (oldest !== undefined) this.#forget(oldest.proxy);
  }

  /** Those of which something is to be told: who has gone, and who is here and gets no newer certificate. */
  uncertain(): readonly CertificateHolder[] {
    return [...this.#holders.values()].filter(({ leftAt, fault }) => leftAt !== undefined || fault !== undefined);
  }

  #set(node: NodeInfo, change: Partial<CertificateHolder>): void {
    const proxy = proxyName(node);
    const before = this.#holders.get(proxy);
    const { until = 0 } = before ?? {};
    this.#forget(proxy);
    const holder = { ...before, proxy, address: node.id.split('~')[1] ?? '', until, ...change };
    this.#holders.set(proxy, holder);
    if (holder.leftAt !== undefined) this.#gone++;
  }

  #forget(proxy: string): void {
    if (this.#holders.get(proxy)?.leftAt !== undefined) this.#gone--;
    this.#holders.delete(proxy);
  }
}
