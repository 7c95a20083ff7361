// The names by which callers address a service: what a virtual host's `domains` list.
// https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/
import type { AddressFamilies } from '../../../model/mesh/address-families.ts';
import { isIpv6, usableAddresses } from '../../../model/mesh/address-families.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import { memo, sharedValue } from '../../../model/memo.ts';

/** 'host' where ports are ignored in matching, 'host-and-port' where one configuration serves all ports. */
export type DomainForm = 'host' | 'host-and-port';

export interface Domain {
  /** As Envoy is to match them, the port included where it matters. */
  readonly texts: readonly string[];
  /** Without port; domains that differ in case are the same. */
  readonly name: string;
  readonly key: string;
  /** A short form gives way to a service whose full name it is. */
  readonly short: boolean;
}

/** `aliases`: hostnames of ExternalName services that lead here and have no virtual host of their own. */
export const serviceDomains = memo(
  (
    service: Service,
    aliases: readonly string[],
    dnsDomain: string,
    port: number,
    form: DomainForm,
    families: AddressFamilies,
  ): readonly Domain[] => {
    const names = [service.hostname, ...aliases].flatMap((host) => namesOf(host, dnsDomain));
    // Clients of a headless Kubernetes service address its pods, as `pod.service`.
    const below = service.headless && service.registry === 'Kubernetes' ? names.map(anythingBelow) : [];
    const all = [...names, ...below, ...virtualAddresses(service, families).map(full)];
    return all.map((one) => domain(one, port, form));
  },
);

/** The same for a name that is not the service's own. */
export const aliasDomains = (host: string, dnsDomain: string, port: number, form: DomainForm): readonly Domain[] =>
  namesOf(host, dnsDomain).map((one) => domain(one, port, form));

/** All of them as Envoy is to match them; the same list for all callers that know a host by the same names. */
export const domainTexts = memo((domains: readonly Domain[]): readonly string[] =>
  sharedValue(domains.flatMap(({ texts }) => texts)),
);

/** A host that no service has is known by exactly the name that was written. */
export const hostDomains = (host: string, port: number, form: DomainForm): readonly Domain[] => [
  domain(full(host), port, form),
];

interface Name {
  readonly name: string;
  readonly short: boolean;
}

const full = (name: string): Name => ({ name, short: false });
const anythingBelow = ({ name, short }: Name): Name => ({ name: `*.${name}`, short });

/** The names of a host in DNS: the full one, and what the caller may leave out of it. */
export const lookupNames = (host: string, dnsDomain: string): readonly string[] => [
  host,
  ...shortNames(host, dnsDomain),
];

/** The full name, also with the trailing dot of an absolute one, then what the caller may leave out of it. */
const namesOf = (host: string, dnsDomain: string): readonly Name[] => [
  full(host),
  full(`${host}.`),
  ...shortNames(host, dnsDomain).map((name) => ({ name, short: true })),
];

/** Port 80 is what a name without a port means. */
function domain({ name, short }: Name, port: number, form: DomainForm): Domain {
  const withPort = `${name}:${port}`;
  const texts = form === 'host' ? [name] : port === 80 ? [name, withPort] : [withPort];
  return { texts, name, key: name.toLowerCase(), short };
}

/** The domain of callers for which no service is one of their own namespace. */
export function domainOfNobody(dnsDomain: string): string {
  const [, suffix] = splitAt(dnsDomain, '.svc.');
  return suffix === undefined ? dnsDomain : `*.svc.${suffix}`;
}

/** The namespace whose callers may leave it out of the host's name. */
export function homeOf(host: string): string | undefined {
  const [name] = splitAt(host, '.svc.');
  return splitAt(name, '.')[1];
}

/** The namespace of callers with this domain. */
export const callersNamespace = (dnsDomain: string): string => splitAt(dnsDomain, '.svc.')[0];

/** `store`, `store.shop.svc`, `store.shop` in its own namespace; elsewhere `store` alone is another service. */
function shortNames(host: string, dnsDomain: string): readonly string[] {
  const [callerNamespace, suffix] = splitAt(dnsDomain, '.svc.');
  const [name, hostSuffix] = splitAt(host, '.svc.');
  const [service, namespace] = splitAt(name, '.');
  if (suffix === undefined || hostSuffix !== suffix || namespace === undefined || service === '') return [];
  return namespace === callerNamespace ? [service, `${name}.svc`, name] : [name, `${name}.svc`];
}

function splitAt(text: string, separator: string): readonly [string, string | undefined] {
  const i = text.indexOf(separator);
  return i < 0 ? [text, undefined] : [text.slice(0, i), text.slice(i + separator.length)];
}

/** Of a Kubernetes Service those that the caller uses. A block of addresses is no name. */
function virtualAddresses({ addresses, registry }: Service, families: AddressFamilies): readonly string[] {
  const usable = registry === 'External' ? addresses : usableAddresses(addresses, families);
  const named = registry === 'Kubernetes' && families === 'both' ? usable : usable.slice(0, 1);
  return named.filter((address) => !address.includes('/')).map((one) => (isIpv6(one) ? `[${one}]` : one));
}
