// The few rules of Kubernetes' API server that a hand-written Service or EndpointSlice can break.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
import type { KindMap } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import { doubtful, duplicate, invalid, missing } from '../draft.ts';
import { isAddress, isDnsLabel } from './syntax/host.ts';

export function* service({ spec }: KindMap['Service']): Drafts {
  const { ports = [] } = spec;
  const names = new Set<string>();
  for (const [index, { name = '', port }] of ports.entries()) {
    const path = ['spec', 'ports', index];
    if (port < 1) yield invalid([...path, 'port'], `${port} is not a port: 1 to 65535`);
    if (name === '' && ports.length > 1)
      yield doubtful([...path, 'name'], 'of several ports each needs a name: Kubernetes refuses this');
    if (name !== '' && !isDnsLabel(name)) yield invalid([...path, 'name'], `"${name}" is not a port name`);
    if (name !== '' && names.has(name)) yield duplicate([...path, 'name'], `there is another port "${name}"`);
    names.add(name);
  }
  if (spec.type === 'ExternalName' && !spec.externalName)
    yield missing(['spec', 'externalName'], 'a Service of type ExternalName needs an externalName');
}

export function* endpointSlice(slice: KindMap['EndpointSlice']): Drafts {
  if (slice.addressType === 'FQDN') return;
  for (const [index, { addresses }] of slice.endpoints.entries()) {
    const bad = addresses.findIndex((address) => !isAddress(address));
    if (bad >= 0) yield invalid(['endpoints', index, 'addresses', bad], `"${addresses[bad]}" is not an IP address`);
  }
}
