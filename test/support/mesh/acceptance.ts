// What a stock Envoy says to a configuration: it gets all of it from an xDS server of ours, in a network of its own where
// every address can be bound, with secrets of a throw-away authority, so that everything in it comes into force.
import type { Configuration, NodeInfo } from '../../../src/model/envoy/resource.ts';
import type { Envoy } from './envoy.ts';

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createXdsServer } from '../../../src/xds/server.ts';
import { anySecret } from '../objects/any-secret.ts';
import { startEnvoy } from './envoy.ts';
import { ownNetwork } from './network-namespace.ts';

export interface Nack {
  readonly type: string;
  /** The resources that it is about, as far as they could be told. */
  readonly resources: readonly string[];
  /** In Envoy's words. */
  readonly error: string;
}

export interface Acceptance {
  readonly nacks: readonly Nack[];
  /** Listeners that were sent and are not in force. */
  readonly inactive: readonly string[];
  /** The state of the server, which is LIVE when everything of the first configuration is in force. */
  readonly state: string;
}

/**
 * Serves the configuration to an Envoy until it has taken or refused all of it, for `patience` seconds at most: what refers
 * to routes or secrets that nobody has never comes into force.
 */
export async function acceptance(node: NodeInfo, configuration: Configuration, patience = 20): Promise<Acceptance> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-acceptance-'));
  const errors: string[] = [];
  const server = createXdsServer({
    translate: () => configuration,
    secrets: anySecret,
    authenticate: () => Promise.resolve(identityOf(node)),
    plaintext: true,
    log: {
      info: () => {},
      warn: () => {},
      error: (message, fields) => errors.push(`${message} ${JSON.stringify(fields)}`),
    },
  });
  const socket = join(directory, 'xds');
  await server.listen(`unix:${socket}`);
  try {
    const envoy = await startEnvoy({
      bootstrap: bootstrap(node, socket),
      until: 'admin',
      name: node.id,
      ...(ownNetwork !== undefined && { within: ownNetwork(logDirectories(configuration)) }),
    });
    try {
      await settle(envoy, () => server.status()[0]?.synced === true, patience);
      if (errors.length > 0) throw new Error(errors.join('\n'));
      return await report(envoy, configuration, server.rejections());
    } finally {
      await envoy.stop();
    }
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const identityOf = ({ metadata: { NAMESPACE, SERVICE_ACCOUNT = 'default' } }: NodeInfo) => ({
  trustDomain: 'cluster.local',
  namespace: String(NAMESPACE),
  serviceAccount: String(SERVICE_ACCOUNT),
});

/** Where access logs are to be written. */
function logDirectories({ listener }: Configuration): readonly string[] {
  const messages = listener.flatMap(({ resources }) => [...resources.values()].map(({ message }) => message));
  const files = JSON.stringify(messages).matchAll(/"path":"(\/var\/log\/[^"]+)\/[^"/]+"/g);
  return [...new Set([...files].map(([, directory = '']) => directory))];
}

/** Nothing is on its way any more, in three looks one after the other, and the start is over or will never be. */
async function settle(envoy: Envoy, synced: () => boolean, patience: number): Promise<void> {
  let quiet = 0;
  await envoy
    .eventually(
      'everything is taken or refused',
      async () => {
        const live = (await envoy.admin('/server_info')).includes('"state": "LIVE"');
        quiet = live && synced() ? quiet + 1 : 0;
        return quiet >= 3;
      },
      patience,
    )
    .catch(() => {});
}

async function report(
  envoy: Envoy,
  configuration: Configuration,
  rejections: readonly { readonly type: string; readonly name: string; readonly error: string }[],
): Promise<Acceptance> {
  const active = JSON.parse(await envoy.admin('/listeners?format=json')) as {
    readonly listener_statuses?: readonly { readonly name: string }[];
  };
  const names = new Set(active.listener_statuses?.map(({ name }) => name));
  const sent = configuration.listener.flatMap(({ resources }) => [...resources.keys()]);
  const info = JSON.parse(await envoy.admin('/server_info')) as { readonly state: string };
  const byError = Map.groupBy(rejections, ({ error }) => error);
  return {
    nacks: [...byError].map(([error, of]) => ({
      type: shortType(of[0]?.type ?? ''),
      resources: of.map(({ name }) => name),
      error,
    })),
    inactive: sent.filter((name) => !names.has(name)).toSorted(),
    state: info.state,
  };
}

const shortType = (url: string): string => url.slice(url.lastIndexOf('.') + 1);

const typed = (name: string) => ({ '@type': `type.googleapis.com/${name}` });

function bootstrap(node: NodeInfo, socket: string): object {
  const source = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  const nowhere = {
    ...typed('envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'),
    resolvers: [{ socket_address: { address: '127.0.0.1', port_value: 1 } }],
  };
  const internalListener = {
    name: 'envoy.bootstrap.internal_listener',
    typed_config: typed('envoy.extensions.bootstrap.internal_listener.v3.InternalListener'),
  };
  return {
    node,
    // As in the bootstrap that Keelson gives: waypoints have listeners that only the proxy itself connects to.
    bootstrap_extensions: [internalListener],
    typed_dns_resolver_config: { name: 'envoy.network.dns_resolver.cares', typed_config: nowhere },
    dynamic_resources: {
      lds_config: source,
      cds_config: source,
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
    },
    static_resources: { clusters: [xdsCluster(socket)] },
  };
}

const xdsCluster = (socket: string): object => ({
  name: 'xds',
  type: 'STATIC',
  load_assignment: {
    cluster_name: 'xds',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
  },
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      ...typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
});
