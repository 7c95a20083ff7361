// The authority as it is at this moment of a rotation: whoever issues certificates asks it, and is told when the roots
// or the signer are others.
import type { Authority, Certified } from '../authority.ts';
import type { KeyAlgorithm } from '../certificate/keys.ts';
import type { RotationState } from './root-rotation.ts';
import { X509Certificate } from 'node:crypto';
import { invariant } from '../../model/invariant.ts';
import { authorityId, signerAuthority } from '../authority.ts';
import { signEmptyRevocationList } from '../certificate/certificate.ts';
import { trusted, trustedRoots } from './root-rotation.ts';
import { issuerOf } from '../signer.ts';

export interface LiveAuthority extends Authority {
  readonly state: RotationState;
  /** Takes the next state into force. Refuses, as a bug, a signer whose root those who trust us do not have yet. */
  replace(state: RotationState): void;
  /** Takes a state into force that another replica has entered. */
  follow(state: RotationState): void;
}

/** `keys`: of the workloads. */
export function liveAuthority(initial: RotationState, now: () => number, keys?: KeyAlgorithm): LiveAuthority {
  const listeners = new Set<() => void>();
  let current = inForce(initial, now(), keys);
  const enter = (state: RotationState): void => {
    current = inForce(state, now(), keys);
    for (const listener of listeners) listener();
  };
  return {
    get state() {
      return current.state;
    },
    get id() {
      return current.authority.id;
    },
    get roots() {
      return current.roots;
    },
    get crl() {
      return current.crl;
    },
    get bridge() {
      return current.bridge;
    },
    get waiting() {
      return current.authority.waiting;
    },
    async issue(template) {
      const { authority, state, bridge } = current;
      const issued = await authority.issue(template);
      return state.stage === 'switching' ? { ...issued, certificate: issued.certificate + bridge } : issued;
    },
    async certify(template, publicKey): Promise<Certified> {
      const { authority, state } = current;
      const certified = await authority.certify(template, publicKey);
      return state.stage === 'switching' ? { ...certified, chain: [...certified.chain, ...state.bridge] } : certified;
    },
    replace(state) {
      const known = new Set(trustedRoots(current.state));
      const isKnown =
        authorityId(state.signer) === current.authority.id || state.signer.roots.every((r) => known.has(r));
      invariant(isKnown, 'a signer is put in force before its root was given to everybody');
      enter(state);
    },
    follow: enter,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => void listeners.delete(onChange);
    },
  };
}

function inForce(state: RotationState, now: number, keys: KeyAlgorithm | undefined) {
  return {
    state,
    authority: signerAuthority(state.signer, keys),
    roots: trustedRoots(state).join(''),
    crl: revocations(state, now),
    bridge: state.bridge.some((pem) => Date.parse(new X509Certificate(pem).validTo) <= now)
      ? ''
      : state.bridge.join(''),
  };
}

/**
 * Whoever checks a list of revoked certificates refuses what comes from an authority without one: those that have none
 * get an empty one beside the others'.
 */
function revocations(state: RotationState, now: number): string | undefined {
  const lists = new Set(trusted(state).flatMap(({ crl }) => crl ?? []));
  if (lists.size === 0) return undefined;
  const signers = state.stage === 'distributing' ? [state.signer, state.next] : [state.signer];
  for (const signer of signers) if (signer.crl === undefined) lists.add(signEmptyRevocationList(issuerOf(signer), now));
  return [...lists].join('');
}
