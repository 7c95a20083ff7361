// What takes the place of a module that proxies refuse, because it does not start: the module before it, and where there was none, a
// filter that lets everything pass or nothing, as its failure strategy says.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/#FailStrategy
import type { Resource, Substitute } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { instead } from '../envoy/extension/wasm.ts';

type TypedExtensionConfig = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];
type Wasm = MessageOf['envoy.extensions.filters.http.wasm.v3.Wasm'];

/** What to try instead of the `good` version, or of nothing where there is none. */
export function extensionSubstitutes(refused: Resource, good: Resource | undefined): readonly Substitute[] {
  const layer = moduleLayer(refused);
  if (layer === undefined || (good !== undefined && moduleLayer(good) !== undefined)) return [];
  const { config } = configOf(refused) as Wasm;
  const passes = config?.failure_policy === 'FAIL_OPEN' || config?.fail_open === true;
  const message: TypedExtensionConfig = { ...refused.message, typed_config: instead(layer, passes) };
  const effect = passes ? 'everything passes without the module' : 'nothing passes without the module';
  return [{ resource: { ...refused, message }, effect }];
}

/** Undefined for what is no module. */
function moduleLayer(resource: Resource): 'http' | 'network' | undefined {
  const type = configOf(resource)['@type'] ?? '';
  return /^type\.googleapis\.com\/envoy\.extensions\.filters\.(http|network)\.wasm\./.exec(type)?.[1] as
    'http' | 'network' | undefined;
}

const configOf = ({ message }: Resource): { readonly '@type'?: string } =>
  (message as TypedExtensionConfig).typed_config ?? {};
