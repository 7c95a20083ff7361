// Certificates that live for seconds are renewed under load, and no request fails: a real Envoy calls itself over
// mutual TLS with secrets that our authority issues and our server pushes.
import { afterEach, expect, test } from 'vitest';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { workloadSecrets } from '../../../src/ca/workload/secrets.ts';
import { serverIdentity } from '../../../src/ca/server-identity.ts';
import { tokenAuthority } from '../../../src/ca/identity/token.ts';
import { freePort } from '../../../scripts/ports.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { configuration, startMesh } from '../../xds/mesh.ts';
import { adsBootstrap } from '../xds/ads-bootstrap.ts';
import { adsSource, answering, cluster, endpoints, forwarding, listener, url } from '../xds/messages.ts';

const ttl = 3000;
const renewals = 5;
const hour = 60 * 60_000;
const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const tlsContext: MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'] = {
  tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: adsSource }],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/shop/sa/web' } }],
    },
    validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: adsSource },
  },
};

const mutualTls = (side: 'Upstream' | 'Downstream', more: object = {}) => ({
  name: 'tls',
  typed_config: {
    '@type': url(`envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`),
    common_tls_context: tlsContext,
    ...more,
  },
});

/** Every request makes a connection of its own, and so a handshake. */
const oneRequestPerConnection = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': url('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
    common_http_protocol_options: { max_requests_per_connection: 1 },
    explicit_http_config: { http_protocol_options: {} },
  },
};

async function startServer(front: number, back: number) {
  const root = await createRoot('cluster.local', Date.now(), hour);
  const authority = await openAuthority(root);
  const tokens = tokenAuthority(root.privateKey);
  const issued: number[] = [];
  const counting = {
    ...authority,
    issue: (template: Parameters<typeof authority.issue>[0]) => {
      issued.push(template.notAfter);
      return authority.issue(template);
    },
  };
  const onFault = (): void => expect.unreachable();
  const tls = serverIdentity({ authority, onFault });
  await tls.ready;
  const http = (host: MessageOf['envoy.config.route.v3.VirtualHost']) => ({
    route_config: { name: 'r', virtual_hosts: [host] },
  });
  const inbound = { transport_socket: mutualTls('Downstream', { require_client_certificate: true }) };
  const mesh = await startMesh(
    configuration({
      cluster: [
        cluster('peer', {
          transport_socket: mutualTls('Upstream'),
          typed_extension_protocol_options: oneRequestPerConnection,
        }),
      ],
      endpoint: [endpoints('peer', back)],
      listener: [
        listener('outbound', front, http(forwarding('peer'))),
        listener('inbound', back, http(answering('hello')), inbound),
      ],
    }),
    {
      tls,
      plaintext: false,
      secrets: workloadSecrets({ authority: counting, names: () => ({ workload: 'web-v1' }), onFault, ttl }),
      authenticate: async (metadata) => {
        const [header = ''] = metadata.get('authorization').map(String);
        return tokens.verify(header.replace('Bearer ', ''), { audience: 'keelson', now: Date.now() });
      },
    },
  );
  open.push(() => mesh.close(), tls.stop);
  const token = tokens.issue(identity, hour, { audience: 'keelson', now: Date.now() });
  return {
    mesh,
    issued,
    bootstrap: adsBootstrap({ port: mesh.port, dialect: 'DELTA_GRPC', roots: root.certificate, token }),
  };
}

test('no request fails while certificates are renewed', async () => {
  const [front, back] = [await freePort(), await freePort()];
  const { mesh, issued, bootstrap } = await startServer(front, back);
  const envoy = await startEnvoy({ bootstrap });
  open.push(() => envoy.stop());
  const answers = new Map<string, number>();
  const ask = async (): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${front}/`);
    const answer = `${response.status} ${await response.text()}`;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  };
  for (let request = 0; request < 20_000 && issued.length <= renewals; request++) await ask();
  const connections = (await envoy.stats('ssl.handshake')).get('cluster.peer.ssl.handshake') ?? 0;
  expect(issued.length).toBeGreaterThan(renewals);
  expect([...answers.keys()]).toEqual(['200 hello']);
  expect(connections).toBeGreaterThanOrEqual(answers.get('200 hello') ?? 0);
  const updates = await envoy.stats('ssl_context_update_by_sds');
  expect(updates.get('cluster.peer.client_ssl_socket_factory.ssl_context_update_by_sds')).toBeGreaterThanOrEqual(
    renewals,
  );
  expect(mesh.server.counters().nacks).toBe(0);
});
