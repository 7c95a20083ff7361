// Limits and timeouts of accepted connections, of the mesh and of one workload.
import { describe, expect, it } from 'vitest';

import { frontGateway, gate } from '../../support/mesh/front-gateway.ts';
import type { Asking, Message } from '../../support/objects/translated.ts';
import { translated } from '../../support/objects/translated.ts';

const mesh = (settings: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig: {connectionSettings: ${settings}}
${frontGateway}`;

const listener = (settings: string, asking: Asking): Message =>
  translated(mesh(settings), 'listener', asking).get('0.0.0.0_80');
const manager = (settings: string, asking: Asking): Message =>
  listener(settings, asking).filter_chains[0].filters.at(-1).typed_config;

describe('connection settings', () => {
  it('hold for every proxy, as far as they are given', () => {
    const given = '{httpIdleTimeout: 90s, httpMaxConcurrentStreams: 7, httpMergeSlashes: true}';
    for (const asking of [gate, {}]) {
      expect(manager(given, asking)).toMatchObject({
        stream_idle_timeout: '0s',
        merge_slashes: true,
        common_http_protocol_options: { idle_timeout: '90s' },
        http2_protocol_options: { max_concurrent_streams: 7 },
      });
    }
  });

  it('of the edge are for gateways, and what is given goes before them', () => {
    const edge = '{profile: EDGE, httpRequestTimeout: 30s}';
    expect(listener(edge, gate).per_connection_buffer_limit_bytes).toBe(32768);
    expect(manager(edge, gate)).toMatchObject({
      request_timeout: '30s',
      stream_idle_timeout: '300s',
      request_headers_timeout: '60s',
      path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
      common_http_protocol_options: { idle_timeout: '3600s', headers_with_underscores_action: 'REJECT_REQUEST' },
      http2_protocol_options: { initial_connection_window_size: 1048576 },
    });
    expect(manager(edge, {})).toMatchObject({ request_timeout: '30s', stream_idle_timeout: '0s' });
  });

  it('of a workload replace those of the mesh, and nothing in them has to fit', () => {
    const own = (connectionSettings: unknown): Asking => ({
      ...gate,
      metadata: { ...gate.metadata, PROXY_CONFIG: { connectionSettings } },
    });
    const asked = manager('{httpIdleTimeout: 90s}', own({ httpDrainTimeout: '7s', httpRequestTimeout: 'never', httpMaxConcurrentStreams: -1 })); // prettier-ignore
    expect(asked).toMatchObject({ drain_timeout: '7s' });
    expect(asked).not.toHaveProperty('request_timeout');
    expect(asked).not.toHaveProperty('common_http_protocol_options');
    expect(asked).not.toHaveProperty('http2_protocol_options');
  });
});
