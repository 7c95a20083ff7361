// Lazy configuration against the full one of the same proxy: what is there at once, what is there on demand, and under
// which names.
import { describe, expect, it } from 'vitest';

import { rebuilt } from '../../../bench/count.ts';
import { changes, meshOf, nodesOf } from '../../../bench/mesh.ts';
import { ownLabels } from '../../../src/model/proxy/self-labels.ts';
import type { Configuration, Layer, Resource } from '../../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { translate } from '../../../src/translate/translate.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { canonicalName, findResource } from '../../../src/xds/subscription/catalog.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

const service = (name: string, ip: string, port: string, namespace = 'shop'): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: ${ip}, selector: { app: ${name} }, ports: [${port}] }
`;
const http = '{ name: http, port: 80 }';
const tcp = '{ name: tcp, port: 9000 }';
const namespace = (name: string, lazy: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: { keelson.io/lazy: '${lazy}' } }
`;
const istio = (kind: string, name: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;

const shop = [
  service('store', '10.96.0.1', http),
  service('audit', '10.96.0.2', http),
  service('db', '10.96.0.3', tcp),
  service('queue', '10.96.0.4', '{ name: tcp, port: 80 }'),
  service('guess', '10.96.0.5', '{ name: guess, port: 7000 }'),
];

const nodeOf = (labels: Readonly<Record<string, string>> = { 'keelson.io/lazy': 'true' }) => ({
  id: 'sidecar~10.1.0.1~web-1.shop~shop.svc.cluster.local',
  cluster: 'web.shop',
  metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'web', LABELS: { app: 'web', ...labels } },
});

function configure(yaml: readonly string[], labels?: Readonly<Record<string, string>>): Configuration {
  const configuration = translate(snapshotOf(yaml.join('---'))).configuration(nodeOf(labels));
  if (configuration === undefined) throw new Error('it is a proxy');
  return configuration;
}

const namesOf = (layers: readonly Layer[], onDemand: boolean): readonly string[] =>
  layers
    .filter((layer) => (layer.onDemand !== undefined) === onDemand)
    .flatMap(({ resources }) => [...resources.keys()])
    .toSorted();
const outbound = (names: readonly string[]): readonly string[] => names.filter((name) => name.startsWith('outbound|'));
const asked = ({ virtualHost }: Configuration, name: string): Resource | undefined =>
  findResource(virtualHost, canonicalName(virtualHost, name))?.resource;
const hostFor = (configuration: Configuration, name: string): VirtualHost | undefined =>
  asked(configuration, name)?.message;
const isLazy = ({ virtualHost }: Configuration): boolean => virtualHost.length > 0;

describe('who is lazy', () => {
  it('is nobody unless it is asked for', () => {
    expect(isLazy(configure(shop, {}))).toBe(false);
  });

  it.each([
    [{ 'keelson.io/lazy': 'true' }, 'false', 'false', true],
    [{ 'keelson.io/lazy': 'false' }, 'true', 'true', false],
    [{}, 'true', 'false', true],
    [{}, 'false', 'true', false],
  ])('is decided by the nearest label: Pod %o, namespace %s, root namespace %s', (pod, own, root, expected) => {
    const labels = [namespace('shop', own), namespace('istio-system', root)];
    expect(isLazy(configure([...shop, ...labels], pod))).toBe(expected);
  });

  it('is the mesh by the label of the root namespace', () => {
    expect(isLazy(configure([...shop, namespace('istio-system', 'true')], {}))).toBe(true);
  });
});

describe('what a proxy is given', () => {
  const full = configure(shop, {});
  const lazy = configure(shop);

  it('is encoded like anything else', () => {
    for (const layer of Object.values(lazy).flat())
      for (const resource of layer.resources.values()) cachedResource(resource);
  });

  it('has every cluster of the full configuration under the same name, at once or on demand', () => {
    const all = [...namesOf(lazy.cluster, false), ...namesOf(lazy.cluster, true)];
    expect(all.toSorted()).toEqual(namesOf(full.cluster, false));
    expect(namesOf(lazy.endpoint, false)).toEqual(namesOf(full.endpoint, false));
  });

  it('has only those clusters at once that a listener leads to by itself', () => {
    expect(outbound(namesOf(lazy.cluster, false))).toEqual([
      'outbound|7000||guess.shop.svc.cluster.local',
      'outbound|80||queue.shop.svc.cluster.local',
    ]);
  });

  it('has no listeners for addresses that only lead to a cluster', () => {
    const gone = namesOf(full.listener, false).filter((name) => !namesOf(lazy.listener, false).includes(name));
    expect(gone).toEqual(['10.96.0.3_9000']);
  });

  it.each([{}, ownLabels])('has none where connections are counted either, whoever names the workload (%o)', (own) => {
    const metrics = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'defaultProviders: { metrics: [prometheus] }' }
`;
    const node = nodeOf();
    const counted = translate(snapshotOf([...shop, metrics].join('---'))).configuration({
      ...node,
      metadata: { ...node.metadata, ...own },
    });
    expect(namesOf(counted?.listener ?? [], false)).toEqual(namesOf(configure(shop).listener, false));
    // Which service it is has to be found out for those that come by one chain.
    const entry = findResource(counted?.listener ?? [], 'virtualOutbound')?.resource.message;
    expect(JSON.stringify(entry)).toContain('xds.cluster_metadata');
  });

  it('has route configurations without hosts', () => {
    expect(namesOf(lazy.route, false)).toEqual(namesOf(full.route, false));
    const routes = findResource(lazy.route, '80')?.resource;
    expect(routes?.parts).toBeUndefined();
    expect(routes?.message).toMatchObject({ vhds: { config_source: { initial_fetch_timeout: '0.01s' } } });
  });

  it('has the virtual hosts of the full configuration under the same resource names, called as their resources are', () => {
    const parts = findResource(full.route, '80')?.resource.parts?.resources ?? [];
    for (const part of parts.filter(({ name }) => name !== '80/allow_any')) {
      const resource = asked(lazy, part.name);
      expect(resource?.name).toBe(part.name);
      expect(resource?.message).toEqual({ ...part.message, name: part.name });
    }
    expect(parts).toHaveLength(3);
  });

  it('has an on-demand filter before all others where routes are delivered, and nowhere else', () => {
    const filters = (name: string) =>
      [
        ...JSON.stringify(findResource(lazy.listener, name)?.resource.message).matchAll(
          /"http_filters":\[\{"name":"([^"]+)/g,
        ),
      ].map(([, first]) => first);
    expect(filters('0.0.0.0_80')).toEqual(['envoy.filters.http.on_demand']);
    expect(filters('virtualInbound')).not.toContain('envoy.filters.http.on_demand');
  });
});

describe('virtual hosts on demand', () => {
  const market = `{ hosts: ['*.market.example', '*.fish.market.example', eel.market.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: NONE }`;
  const lazy = configure([...shop, istio('ServiceEntry', 'market', market)]);

  it.each(['store', 'store.shop', 'STORE.shop.svc', 'store:80', 'store.shop.svc.cluster.local.', '10.96.0.1'])(
    'are found by %s',
    (host) => {
      expect(canonicalName(lazy.virtualHost, `80/${host}`)).toBe('80/store.shop.svc.cluster.local:80');
    },
  );

  it('below a wildcard are one for each host', () => {
    const cod = hostFor(lazy, '80/cod.market.example');
    expect(cod?.domains).toEqual(['cod.market.example']);
    expect(cod?.name).toBe('80/*.market.example:80|cod.market.example');
    expect(hostFor(lazy, '80/cod.fish.market.example')?.name).toBe(
      '80/*.fish.market.example:80|cod.fish.market.example',
    );
    expect(hostFor(lazy, '80/a.b.market.example')?.name).toBe('80/*.market.example:80|a.b.market.example');
    expect(hostFor(lazy, '80/eel.market.example')?.name).toBe('80/eel.market.example:80');
    expect(JSON.stringify(cod?.routes)).toContain('outbound|80||*.market.example');
  });

  it('never have a wildcard among their domains', () => {
    const names = namesOf(lazy.virtualHost, true);
    const domains = names.flatMap((name) => hostFor(lazy, name)?.domains ?? []);
    expect(domains.filter((domain) => domain.includes('*'))).toEqual([]);
    expect(names).toHaveLength(3);
  });

  it('for hosts that nobody knows do what the mesh does with them', () => {
    expect(JSON.stringify(hostFor(lazy, '80/nobody.example')?.routes)).toContain('PassthroughCluster');
    const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }' }
`;
    const strict = configure([...shop, mesh]);
    expect(hostFor(strict, '80/nobody.example')?.routes?.[0]?.direct_response?.status).toBe(502);
  });

  it('that were made for a name are not there once somebody knows it', () => {
    const made = canonicalName(lazy.virtualHost, '80/late');
    expect(findResource(lazy.virtualHost, made)).toBeDefined();
    const later = configure([...shop, service('late', '10.96.0.9', http)]);
    expect(findResource(later.virtualHost, made)).toBeUndefined();
    expect(canonicalName(later.virtualHost, '80/late')).toBe('80/late.shop.svc.cluster.local:80');
  });

  it.each(['*', '*.example', 'example.*', 'a/b', 'a|b', '', 'a b', 'a'.repeat(300), '[::1', '..|80'])(
    'for what is no host, such as "%s", take no traffic of others',
    (host) => {
      expect(hostFor(lazy, `80/${host}`)?.domains).toEqual(['no-host.invalid']);
    },
  );

  it('are not made for route configurations that are not there', () => {
    expect(asked(lazy, '81/store')).toBeUndefined();
    expect(asked(lazy, 'store')).toBeUndefined();
  });
});

describe('connections', () => {
  const found = (configuration: Configuration, name: string) => ({
    cluster: findResource(configuration.cluster, name)?.resource
      .message as MessageOf['envoy.config.cluster.v3.Cluster'],
    endpoints: findResource(configuration.endpoint, name)?.resource.message,
  });

  it('find a service by its address: its cluster under another name, counted under its own', () => {
    const lazy = configure(shop);
    const { cluster, endpoints } = found(lazy, 'tcp|10.96.0.3:9000');
    const own = findResource(lazy.cluster, 'outbound|9000||db.shop.svc.cluster.local')?.resource.message;
    expect(cluster).toMatchObject({
      name: 'tcp|10.96.0.3:9000',
      alt_stat_name: 'outbound|9000||db.shop.svc.cluster.local;',
      eds_cluster_config: { service_name: 'tcp|10.96.0.3:9000' },
    });
    const { name: _name, eds_cluster_config: _eds, ...rest } = cluster;
    expect(own).toMatchObject(rest);
    expect(endpoints).toMatchObject({ cluster_name: 'tcp|10.96.0.3:9000' });
  });

  it('to other addresses near services go where the mesh lets them', () => {
    expect(found(configure(shop), 'tcp|10.96.9.9:1').cluster).toMatchObject({ type: 'ORIGINAL_DST' });
  });

  it.each(['tcp|10.96.0.3', 'tcp|db:9000', 'tcp|', 'tcp|10.96.0.3:9000|'])('find nothing by "%s"', (name) => {
    expect(found(configure(shop), name).cluster).toBeUndefined();
  });

  it('are fetched a cluster for in the networks of the services alone', () => {
    const chains = (yaml: readonly string[]) => {
      const listener: MessageOf['envoy.config.listener.v3.Listener'] | undefined = findResource(
        configure(yaml).listener,
        'virtualOutbound',
      )?.resource.message;
      return listener?.filter_chains ?? [];
    };
    expect(chains(shop).at(-1)?.filter_chain_match?.prefix_ranges).toEqual([
      { address_prefix: '10.96.0.0', prefix_len: 16 },
    ]);
    expect(chains([...shop, service('more', '10.96.7.7', tcp)])).toEqual(chains(shop));
    expect(chains([service('store', '10.96.0.1', http)])).toHaveLength(2);
  });

  it('keep a listener whose filter does more than lead to a cluster', () => {
    const rule = istio(
      'DestinationRule',
      'db',
      '{ host: db, trafficPolicy: { connectionPool: { tcp: { idleTimeout: 30s } } } }',
    );
    const routed = istio(
      'VirtualService',
      'db',
      '{ hosts: [db], tcp: [{ route: [{ destination: { host: audit, port: { number: 80 } } }] }] }',
    );
    expect(namesOf(configure([...shop, rule]).listener, false)).toContain('10.96.0.3_9000');
    const lazy = configure([...shop, routed]);
    expect(found(lazy, 'tcp|10.96.0.3:9000').cluster).toMatchObject({
      alt_stat_name: 'outbound|80||audit.shop.svc.cluster.local;',
    });
  });
});

describe('clusters that nothing waits for', () => {
  it('are there at once: those of mirrors', () => {
    const mirror = istio(
      'VirtualService',
      'store',
      '{ hosts: [store], http: [{ route: [{ destination: { host: store } }], mirror: { host: audit } }] }',
    );
    const names = outbound(namesOf(configure([...shop, mirror]).cluster, false));
    expect(names).toContain('outbound|80||audit.shop.svc.cluster.local');
    expect(names).not.toContain('outbound|80||store.shop.svc.cluster.local');
  });
});

describe('a change', () => {
  const lazyNodes = nodesOf(3).map((node) => {
    const labels = node.metadata['LABELS'] as Readonly<Record<string, string>>;
    return { ...node, metadata: { ...node.metadata, LABELS: { ...labels, 'keelson.io/lazy': 'true' } } };
  });
  const of = (snapshot: Snapshot): readonly Configuration[] => {
    const translation = translate(snapshot);
    return lazyNodes.flatMap((node) => translation.configuration(node) ?? []);
  };
  const rebuiltBy = (change: string, services: number): readonly string[] => {
    const before = meshOf(services);
    const first = of(before);
    const after = changes.find(({ name }) => name === change)?.apply(before, services) ?? before;
    return rebuilt(first, of(after)).map(({ type, name }) => `${type.slice(type.lastIndexOf('.') + 1)} ${name}`);
  };

  it('of one VirtualService makes its virtual host anew and nothing else', () => {
    const names = rebuiltBy('VirtualService weight', 200);
    expect(new Set(names)).toEqual(new Set(['VirtualHost 80/svc-0000.mesh-0.svc.cluster.local:80']));
  });

  it.each(changes.filter(({ wholeNamespace }) => wholeNamespace !== true))(
    '($name) costs no more in a large mesh than in a small one',
    ({ name }) => {
      expect(rebuiltBy(name, 200)).toHaveLength(rebuiltBy(name, 50).length);
    },
  );
});

describe('what did not change', () => {
  it('stays the same objects', () => {
    const yaml = [...shop, namespace('istio-system', 'true')].join('---');
    const snapshot = snapshotOf(yaml);
    const of = () => translate({ ...snapshot, version: snapshot.version + 1 }).configuration(nodeOf());
    const [before, after] = [of(), of()];
    for (const kind of ['cluster', 'endpoint', 'listener', 'route', 'virtualHost'] as const)
      expect(after?.[kind].map((layer, i) => layer === before?.[kind][i])).toEqual(after?.[kind].map(() => true));
  });
});
