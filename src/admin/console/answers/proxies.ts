// Proxies: all of them with their state, one of them with its configuration, and what is found in that.
import { decodedKinds } from '../../../model/envoy/decoded.ts';
import type { WorkloadIdentity } from '../../../model/proxy/identity.ts';
import type { ProxyStatus } from '../../../model/proxy/proxy-status.ts';
import type {
  Branch,
  ConfigurationKind,
  Hits,
  ProxyDetail,
  ProxyRow,
  ResourceName,
  Stretch,
  SyncState,
} from '../api.ts';
import { matcher, numberOf, stretchOf } from './paging.ts';
import type { Question } from './question.ts';
import { askedProxy, NoAnswer, visible } from './question.ts';
import { placeAsked } from './tree.ts';

export function proxyRow(status: ProxyStatus): ProxyRow {
  const { connection, replica, proxy, namespace, node, connectedSince, types } = status;
  const [role = '', address = ''] = node.id.split('~');
  const waiting = types.filter(({ synced, sentAt }) => !synced && sentAt > 0).map(({ sentAt }) => sentAt);
  return {
    connection,
    replica,
    proxy,
    namespace,
    role: role === 'router' ? 'gateway' : role,
    address,
    since: connectedSince,
    state: syncState(status),
    waitingSince: waiting.length === 0 ? 0 : Math.min(...waiting),
    resources: types.reduce((sum, { resources }) => sum + resources, 0),
    error: types.find(({ lastNack }) => lastNack !== undefined)?.lastNack,
  };
}

export function syncState({ synced, types }: Pick<ProxyStatus, 'synced' | 'types'>): SyncState {
  if (types.some(({ lastNack }) => lastNack !== undefined)) return 'rejecting';
  return synced ? 'synced' : 'pending';
}

const severity: Readonly<Record<SyncState, number>> = { rejecting: 0, pending: 1, synced: 2 };

/** Those with trouble first, then by name; `state` and `search` narrow it down. */
export function proxies(question: Question): Stretch<ProxyRow> {
  const { query } = question;
  const state = query.get('state') ?? '';
  const matches = matcher(query);
  const found = visible(question)
    .map((status) => ({ status, state: syncState(status) }))
    .filter((each) => (state === '' || each.state === state) && matches(each.status.node.id))
    .toSorted((a, b) => severity[a.state] - severity[b.state] || (a.status.proxy < b.status.proxy ? -1 : 1));
  return stretchOf(found, query, ({ status }) => proxyRow(status));
}

export function proxy(question: Question): ProxyDetail {
  const status = askedProxy(question);
  const { node, identity, types, unacceptedSecrets } = status;
  const kinds: Partial<Record<ConfigurationKind, number>> = {};
  for (const { kind } of question.source.names(node)) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const { ISTIO_VERSION: version, LABELS: labels } = node.metadata;
  return {
    ...proxyRow(status),
    identity: identity && spiffeId(identity),
    envoy: typeof version === 'string' ? version : '',
    labels: (typeof labels === 'object' && labels !== null ? labels : {}) as Readonly<Record<string, string>>,
    types: types.map(({ type, resources, synced, sentAt, ackedAt, nacks, lastNack }) => {
      return {
        type: type.slice(type.lastIndexOf('.') + 1),
        resources,
        synced,
        sentAt,
        ackedAt,
        nacks,
        error: lastNack,
      };
    }),
    kinds,
    unacceptedSecrets,
    rejections: question.plane
      .rejections()
      .filter(({ nodes }) => nodes.includes(node.id))
      .map(({ name, error, source }) => ({ name, error, source })),
  };
}

const spiffeId = ({ trustDomain, namespace, serviceAccount }: WorkloadIdentity): string =>
  `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;

/** Names of what a proxy is to have, of one kind. */
export function resources(question: Question): Stretch<ResourceName> {
  const { query, source } = question;
  const kind = query.get('kind') ?? '';
  const matches = matcher(query);
  const found = source
    .names(askedProxy(question).node)
    .filter((each) => (kind === '' || each.kind === kind) && matches(each.name));
  return stretchOf(found, query, (each) => each);
}

/** What is below a field of a resource, a stretch of it. */
export function branch(question: Question): Branch {
  const { query, source } = question;
  const kind = decodedKinds.find((each) => each === query.get('kind'));
  const name = query.get('name') ?? '';
  const { node, proxy: asked } = askedProxy(question);
  const place = placeAsked(query);
  const found = kind === undefined ? 'no resource' : source.branch(node, { kind, name }, place);
  if (found === 'no resource') throw new NoAnswer(404, `${asked} has no ${query.get('kind')} '${name}'`);
  if (found === 'no field') throw new NoAnswer(404, `'${name}' has no ${place.field} any more`);
  return found;
}

const shortestSearch = 2;
const longestSearch = 200;

/** What is found in the fields, values and causes of a proxy's configuration; `after`: from there on. */
export function search(question: Question): Promise<Hits> {
  const { query, source } = question;
  const text = (query.get('search') ?? '').trim();
  if (text.length < shortestSearch || text.length > longestSearch)
    throw new NoAnswer(400, `look for ${shortestSearch} to ${longestSearch} characters`);
  return source.search(askedProxy(question).node, text, numberOf(query.get('after')));
}
