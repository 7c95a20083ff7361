// A message inside an Any: the one way to write an extension's configuration, checked against its type.
// https://protobuf.dev/programming-guides/json/#any
import type { Any, MessageOf } from '../xds/generated/messages.ts';

/** `typed('envoy.extensions.filters.http.router.v3.Router', {})` */
export const typed = <N extends keyof MessageOf>(name: N, message: MessageOf[N] & object): Any => ({
  '@type': `type.googleapis.com/${name}`,
  ...message,
});

/** An extension: Envoy's name for it and its configuration. */
export const extension = <N extends keyof MessageOf>(
  name: string,
  type: N,
  message: MessageOf[N] & object,
): { readonly name: string; readonly typed_config: Any } => ({ name, typed_config: typed(type, message) });
