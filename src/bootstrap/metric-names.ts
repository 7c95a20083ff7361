// Istio's names for Istio's metrics: Prometheus is told `istio_requests_total`, not `envoy_wasmcustom_istio_requests_total`.
// Envoy leaves its own prefix out for the scope of extensions that name their metrics themselves, but only once there is one.
// So there is one, which does nothing.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/bootstrap/v3/bootstrap.proto
import type { MessageOf } from '../xds/generated/messages.ts';
import { extension } from '../translate/typed.ts';

type Extension = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];

/** 176 bytes of WebAssembly: the version of the interface, and callbacks that say yes. */
const module =
  'AGFzbQEAAAABFARgAABgAX8Bf2ACf38Bf2ACf38AAwUEAAECAwUDAQABB3AGBm1lbW9yeQIAF3Byb3h5X2FiaV92ZXJzaW9uXzBfMl8x' +
  'AAAGbWFsbG9jAAERcHJveHlfb25fdm1fc3RhcnQAAhJwcm94eV9vbl9jb25maWd1cmUAAhdwcm94eV9vbl9jb250ZXh0X2NyZWF0ZQAD' +
  'ChIEAgALBQBBgAgLBABBAQsCAAs=';

/** Under this prefix the metrics are kept, whatever Prometheus is told. */
export const ownMetrics = 'wasmcustom';

export const unprefixedMetrics: Extension = extension('envoy.bootstrap.wasm', 'envoy.extensions.wasm.v3.WasmService', {
  singleton: true,
  config: {
    name: 'keelson.metric_names',
    root_id: 'keelson.metric_names',
    vm_config: {
      vm_id: 'keelson.metric_names',
      runtime: 'envoy.wasm.runtime.v8',
      code: { local: { inline_bytes: module } },
    },
  },
});
