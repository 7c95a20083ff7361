// Who is connected and what they have: syncz, connections, adsz.
import type { ProxyStatus, TypeStatus } from '../../model/proxy/proxy-status.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { Answer, Question } from './page.ts';
import { visibleProxies } from './page.ts';

/** The state of every proxy, in the form that clients of istiod's HTTP interface read. */
export const syncStatus = (question: Question): Answer => ({ json: visibleProxies(question).map(proxySync) });

const legacyNames = {
  cluster: resourceTypes.cluster,
  listener: resourceTypes.listener,
  route: resourceTypes.route,
  endpoint: resourceTypes.endpoint,
} as const;

function proxySync({ replica, proxy, node, types }: ProxyStatus): object {
  const byType = new Map(types.map((status) => [status.type, status]));
  const legacy = Object.entries(legacyNames).flatMap(([name, type]): [string, string][] => {
    const status = byType.get(type);
    if (status === undefined) return [];
    return [
      [`${name}_sent`, sent(status)],
      [`${name}_acked`, acknowledged(status)],
    ];
  });
  return {
    ...optional({ cluster_id: node.metadata['CLUSTER_ID'] }),
    proxy,
    proxy_type: node.id.split('~')[0],
    ...optional({ replica }),
    ...optional({ istio_version: node.metadata['ISTIO_VERSION'] }),
    ...Object.fromEntries(legacy.filter(([, version]) => version !== '')),
    resources: Object.fromEntries(types.map((status) => [status.type, resourceSync(status)])),
  };
}

const resourceSync = (status: TypeStatus): object =>
  optional({
    sent: sent(status),
    acked: acknowledged(status),
    sentTime: time(status.sentAt),
    ackedTime: time(status.ackedAt),
    lastError: status.lastNack,
  });

/** Versions are push cycles. */
const sent = ({ sentAt, sentVersion }: TypeStatus): string => (sentAt === 0 ? '' : String(sentVersion));

/** The version sent only if all of it is in force: that is how clients tell what is out of date. */
function acknowledged(status: TypeStatus): string {
  if (status.synced && status.lastNack === undefined) return sent(status);
  const isOlder = status.ackedAt > 0 && status.ackedVersion < status.sentVersion;
  return isOlder ? String(status.ackedVersion) : '';
}

const time = (ms: number): string => (ms === 0 ? '' : new Date(ms).toISOString());
const optional = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''));

export const connections = (question: Question): Answer => {
  const proxies = visibleProxies(question);
  return { json: { totalClients: proxies.length, clients: proxies.map(connection) } };
};

/** With `push=true` everybody's configuration is made anew, and what differs is sent. */
export const streams = (question: Question): Answer => {
  if (question.query.get('push') === 'true') {
    question.plane.push();
    return { text: `Pushed to ${question.plane.proxies().length} servers` };
  }
  const proxies = visibleProxies(question);
  const clients = proxies.map((status) => ({
    ...connection(status),
    proxy: status.proxy,
    nodeId: status.node.id,
    labels: status.node.metadata['LABELS'] ?? {},
    metadata: status.node.metadata,
    locality: status.node.locality ?? {},
    watches: Object.fromEntries(question.plane.held(status) ?? []),
  }));
  return { json: { totalClients: clients.length, clients } };
};

const connection = (status: ProxyStatus): object => ({
  ...optional({ replica: status.replica }),
  connectionId: status.connection,
  connectedAt: new Date(status.connectedSince).toISOString(),
  address: status.peer,
});
