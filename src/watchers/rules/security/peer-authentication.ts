// PeerAuthentication: port levels belong to selected workloads.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import type { KindMap } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { invalid, missing } from '../../draft.ts';
import { checkSelector } from '../syntax/labels.ts';

export function* peerAuthentication({ spec }: KindMap['PeerAuthentication']): Drafts {
  const { selector, portLevelMtls } = spec;
  if (portLevelMtls && Object.keys(selector?.matchLabels ?? {}).length === 0)
    yield missing(['spec', 'selector'], 'portLevelMtls needs a selector: ports are those of workloads');
  for (const port of Object.keys(portLevelMtls ?? {})) {
    if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535)
      yield invalid(['spec', 'portLevelMtls', port], `"${port}" is not a port: 1 to 65535`);
  }
  if (selector) yield* checkSelector(selector.matchLabels, ['spec', 'selector', 'matchLabels']);
}
