// A workload's own ProxyConfig and the mesh's settings: what differs, and that what does not is shared.
import type { MeshSettings } from '../../src/model/mesh/mesh.ts';
import type { Proxy } from '../../src/model/proxy/proxy.ts';

import { expect, test } from 'vitest';

import { settingsOf } from '../../src/translate/view/own-settings.ts';

const settings = {
  rootNamespace: 'istio-system',
  defaultConfig: { concurrency: 2, proxyHeaders: { attemptCount: { disabled: true } } },
} as MeshSettings;
const proxy = (own?: unknown): Proxy => ({ metadata: { PROXY_CONFIG: own } }) as unknown as Proxy;

test('who says nothing, or the same, has the settings of the mesh themselves', () => {
  const same = { concurrency: 1, proxyHeaders: { attemptCount: { disabled: true }, server: { value: 'x' } } };
  expect(settingsOf(settings, proxy())).toBe(settings);
  expect(settingsOf(settings, proxy(same))).toBe(settings);
  expect(settingsOf(settings, proxy('nonsense'))).toBe(settings);
});

test('a configuration of its own replaces what the mesh says of headers, and is shared with who says the same', () => {
  const own = settingsOf(settings, proxy({ proxyHeaders: { preserveHttp1HeaderCase: true, attemptCount: 7 } }));
  expect(own.defaultConfig).toEqual({
    concurrency: 2,
    proxyHeaders: {
      attemptCount: { disabled: false },
      xForwardedHost: { enabled: false },
      preserveHttp1HeaderCase: true,
    },
  });
  expect(settingsOf(settings, proxy({ proxyHeaders: { preserveHttp1HeaderCase: true } }))).toBe(own);
});
