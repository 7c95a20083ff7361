// Gateway and ListenerSet of Gateway API: what the API server checks beyond the schema, as far as anything here depends on it.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec
import type { KindMap } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { duplicate, invalid } from '../../draft.ts';
import { isAddress } from '../syntax/host.ts';

export function* kubernetesGateway({ spec }: KindMap['KubernetesGateway']): Drafts {
  yield* distinctNames(spec.listeners ?? []);
  for (const [index, { type, value = '' }] of (spec.addresses ?? []).entries()) {
    if (type === 'IPAddress' && value !== '' && !isAddress(value))
      yield invalid(['spec', 'addresses', index, 'value'], `"${value}" is not an IP address`);
  }
}

export function* listenerSet({ spec }: KindMap['ListenerSet']): Drafts {
  yield* distinctNames(spec.listeners);
}

function* distinctNames(listeners: readonly { readonly name: string }[]): Drafts {
  const names = new Set<string>();
  for (const [index, { name }] of listeners.entries()) {
    if (names.has(name)) yield duplicate(['spec', 'listeners', index, 'name'], `there is another listener "${name}"`);
    names.add(name);
  }
}
