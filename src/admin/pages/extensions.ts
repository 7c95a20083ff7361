// What a proxy gets besides listeners, routes and clusters: extensions (ecdsz) and the names that it resolves (ndsz).
import type { DecodedResource } from '../../model/envoy/decoded.ts';
import { ofProxy } from './configuration.ts';
import type { Answer, Question } from './page.ts';

/** envoy.config.core.v3.TypedExtensionConfig, as Envoy prints it. */
export const extensionsOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => {
    const sections = question.plane.configDump(node, false) as readonly EcdsSection[];
    return { json: sections.flatMap(({ ecdsFilters = [] }) => ecdsFilters.map(({ ecdsFilter }) => ecdsFilter)) };
  });

interface EcdsSection {
  readonly ecdsFilters?: readonly { readonly ecdsFilter: object }[];
}

/** istio.networking.nds.v1.NameTable, read off the listener that answers DNS; empty without one. */
export const namesOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => {
    const { plane } = question;
    const services = new Map(plane.mesh().services.map((service) => [service.hostname, service]));
    const domains = plane.resources(node).listener.flatMap(dnsDomains);
    const table = domains.map(({ name, endpoint }) => {
      const service = services.get(name);
      const known = service && { registry: service.registry, shortname: service.name, namespace: service.namespace };
      return [name, { ips: endpoint?.address_list?.address ?? [], ...known }] as const;
    });
    return { json: { table: Object.fromEntries(table) } };
  });

interface DnsDomain {
  readonly name: string;
  readonly endpoint?: { readonly address_list?: { readonly address?: readonly string[] } };
}

interface DnsFilter {
  readonly typed_config?: { readonly server_config?: { readonly inline_dns_table?: { readonly virtual_domains?: readonly DnsDomain[] } } }; // prettier-ignore
}

function dnsDomains({ message }: DecodedResource): readonly DnsDomain[] {
  const filters = (message['listener_filters'] ?? []) as readonly DnsFilter[];
  return filters.flatMap(({ typed_config }) => typed_config?.server_config?.inline_dns_table?.virtual_domains ?? []);
}
