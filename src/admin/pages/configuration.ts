// What one proxy is to have: config_dump, edsz, sidecarz, and `resources`, which commands of ours read.
import { isInScope, notConnected } from '../../model/proxy/debug.ts';
import { proxyName, type ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { Answer, Question } from './page.ts';
import { refused } from './page.ts';
import { serviceJson } from './services.ts';

/** Answers about the proxy that `proxyID` names: by `pod.namespace`, or a part of its connection's id. */
export function ofProxy(question: Question, answer: (status: ProxyStatus) => Answer): Answer {
  const id = question.query.get('proxyID') ?? '';
  if (id === '') return refused(400, 'You must provide a proxyID in the query string');
  const proxies = question.plane.proxies().filter(({ namespace }) => isInScope(question.scope, namespace));
  const found =
    proxies.find(({ proxy }) => proxy === id) ?? proxies.find(({ connection }) => connection.startsWith(id));
  return found === undefined ? refused(404, notConnected) : answer(found);
}

const dumpPrefix = 'type.googleapis.com/envoy.admin.v3.';

/** `types`: short names of sections or of resource types, separated by commas. */
export const configDumpPage = (question: Question): Answer =>
  ofProxy(question, ({ node }) => {
    const { query, plane } = question;
    const sections = plane.configDump(node, query.has('include_eds'));
    const types = (query.get('types') ?? '').split(',').filter((type) => type !== '');
    const wanted = sections.filter(
      (section) => types.length === 0 || types.some((type) => isNamed(section as { readonly '@type': string }, type)),
    );
    return { json: { configs: wanted } };
  });

/** `lds`, `clusters` or `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
function isNamed(section: { readonly '@type': string }, type: string): boolean {
  const name = section['@type'].slice(dumpPrefix.length).toLowerCase();
  const short = { lds: 'listener', cds: 'cluster', rds: 'route', eds: 'endpoint', sds: 'secret', ecds: 'ecds' }[
    type.toLowerCase()
  ];
  const wanted = short ?? type.slice(type.lastIndexOf('.') + 1).toLowerCase();
  return name.startsWith(wanted.replace(/s$|configuration$|loadassignment$/, ''));
}

export const endpointsOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => {
    const sections = question.plane.configDump(node, true) as readonly Readonly<Record<string, unknown>>[];
    const endpoints = sections.find((section) => section['@type'] === `${dumpPrefix}EndpointsConfigDump`);
    const dynamic = (endpoints?.['dynamicEndpointConfigs'] ?? []) as readonly { readonly endpointConfig: object }[];
    return { json: { configs: dynamic.map(({ endpointConfig }) => endpointConfig) } };
  });

/** What its Sidecar object, or the mesh, lets a proxy see. */
export const scopeOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => {
    const view = question.plane.view(node);
    if (view === undefined) return refused(404, notConnected);
    const { egress, services, unknownDestinations } = view.outbound;
    const policies = services.flatMap(({ service, policy }) =>
      policy === undefined ? [] : [[service.hostname, policy]],
    );
    const json = serviceJson(view.settings);
    return {
      json: {
        name: proxyName(node),
        namespace: view.proxy.namespace,
        version: String(question.plane.snapshot().version),
        sidecar: egress[0]?.source.kind === 'Sidecar' ? egress[0].source : null,
        outboundTrafficPolicy: { mode: unknownDestinations.kind === 'allow' ? 'ALLOW_ANY' : 'REGISTRY_ONLY' },
        destinationRules: Object.fromEntries(policies) as object,
        egressListenerServices: egress.map((listener) => listener.services.map(({ service }) => json(service))),
        services: services.map(({ service }) => json(service)),
        servicesByHostname: Object.fromEntries(services.map(({ service }) => [service.hostname, json(service)])),
      },
    };
  });

/** What objects do to each other as the proxy sees them. */
export const conflictsOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => ({ json: question.plane.conflicts(node) }));

/** What patches match in the proxy's configuration. */
export const patchesOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => ({ json: question.plane.patchPlaces(node) }));

/** Why the proxy does not know the host of the query. */
export const hostOfProxy = (question: Question): Answer => {
  const host = question.query.get('host') ?? '';
  if (host === '') return refused(400, 'You must provide a host in the query string');
  return ofProxy(question, ({ node }) => ({ json: question.plane.hostProblems(node, host) }));
};

/** Why the object of the query, `kind` and `name` with its namespace, has nothing to say to the proxy. */
export const objectOfProxy = (question: Question): Answer => {
  const { query } = question;
  const [namespace = '', name = ''] = (query.get('name') ?? '').split('/');
  const object = { kind: query.get('kind') ?? '', namespace, name };
  return ofProxy(question, ({ node }) => ({ json: question.plane.objectProblems(node, object) }));
};

/** Every resource as the proxy reads it, with the causes of its fields. */
export const resourcesOfProxy = (question: Question): Answer =>
  ofProxy(question, ({ node }) => ({ json: { node, resources: question.plane.resources(node) } }));
