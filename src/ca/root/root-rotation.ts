// How one signer takes the place of another without anybody meeting a certificate that it does not trust: the new root
// goes to everybody, then its key signs, then the old root goes. Pure: what happened comes in, the next state comes out.
// Every state can be left and taken up again, by another process too.
// https://istio.io/latest/docs/ops/diagnostic-tools/multicluster/#trust-configuration
import type { Signer } from '../signer.ts';
import { createHash } from 'node:crypto';

/** `own`: a root that the daemon made. `plugged`: from a Secret. */
export type Origin = 'own' | 'plugged';

export interface OriginatedSigner extends Signer {
  readonly origin: Origin;
  /**
   * When the last of the certificates ends that it signed and that nobody here can replace, because their bearers hold
   * the keys. In milliseconds since 1970; 0 if there are none.
   */
  readonly outstandingUntil: number;
}

/** What stays to be trusted of a signer that signs no more. */
export type RetiringSigner = Omit<OriginatedSigner, 'privateKey'>;

interface Common {
  readonly signer: OriginatedSigner;
  /** PEM: what leads from `signer` to the root before, for those who know only that. */
  readonly bridge: readonly string[];
}

export type RotationState =
  | (Common & { readonly stage: 'settled' })
  | (Common & {
      readonly stage: 'distributing';
      readonly next: OriginatedSigner;
      readonly nextBridge: readonly string[];
    })
  | (Common & { readonly stage: 'switching'; readonly retiring: RetiringSigner });

export interface Facts {
  /** Every proxy trusts all roots of the state. */
  readonly rootsAccepted: boolean;
  /** Every proxy shows a certificate of the signer in force. */
  readonly leafsAccepted: boolean;
  readonly now: number;
}

/** Undefined while another rotation is under way, or when there is nothing to change. */
export function begin(
  state: RotationState,
  next: OriginatedSigner,
  nextBridge: readonly string[],
): RotationState | undefined {
  if (state.stage === 'switching' || isSame(state.stage === 'settled' ? state.signer : state.next, next))
    return undefined;
  // Nothing that the signer before would have signed is out: it can still be replaced, or given up.
  return isSame(state.signer, next)
    ? { stage: 'settled', signer: state.signer, bridge: state.bridge }
    : { ...state, stage: 'distributing', next, nextBridge };
}

/** The same state if it is not over yet. */
export function advance(state: RotationState, facts: Facts): RotationState {
  switch (state.stage) {
    case 'settled':
      return state;
    case 'distributing': {
      if (!facts.rootsAccepted) return state;
      const { privateKey: _key, ...retiring } = state.signer;
      const isSameKey = state.next.certificate === retiring.certificate;
      const signer = isSameKey ? { ...state.next, outstandingUntil: retiring.outstandingUntil } : state.next;
      return { stage: 'switching', signer, retiring, bridge: isSameKey ? state.bridge : state.nextBridge };
    }
    case 'switching': {
      const { signer, retiring, bridge } = state;
      const replaced = retiring.certificate === signer.certificate || retiring.outstandingUntil <= facts.now;
      return facts.leafsAccepted && replaced ? { stage: 'settled', signer, bridge } : state;
    }
  }
}

/** Everybody whose certificates are to be trusted in this state. */
export function trusted(state: RotationState): readonly RetiringSigner[] {
  if (state.stage === 'distributing') return [state.signer, state.next];
  return state.stage === 'switching' ? [state.signer, state.retiring] : [state.signer];
}

/** The roots of the state, PEM, each once. */
export const trustedRoots = (state: RotationState): readonly string[] => [
  ...new Set(trusted(state).flatMap(({ roots }) => roots)),
];

/** Whether they are the same to those who trust them. */
export function isSame(one: RetiringSigner, other: RetiringSigner): boolean {
  const content = ({ certificate, intermediates, roots, crl }: RetiringSigner): string =>
    JSON.stringify([certificate, intermediates, roots, crl]);
  return content(one) === content(other);
}

/** Whether they are the same state, but for what is known of certificates that are out. */
export const isSameStep = (one: RotationState, other: RotationState): boolean =>
  JSON.stringify(withoutOutstanding(one)) === JSON.stringify(withoutOutstanding(other));

/** The same for all who are at this step, and for no other. */
export const stepName = (state: RotationState): string =>
  createHash('sha256')
    .update(JSON.stringify(withoutOutstanding(state)))
    .digest('hex')
    .slice(0, 16);

/** `state` with what either knows of certificates that are out. */
export function withOutstandingOf<S extends RotationState>(state: S, other: RotationState): S {
  const known = new Map<string, number>();
  for (const { certificate, outstandingUntil } of signersOf(other))
    known.set(certificate, Math.max(outstandingUntil, known.get(certificate) ?? 0));
  return eachSigner(state, (signer) => {
    const outstandingUntil = Math.max(signer.outstandingUntil, known.get(signer.certificate) ?? 0);
    return outstandingUntil === signer.outstandingUntil ? signer : { ...signer, outstandingUntil };
  });
}

/** `state` with a certificate of the signer of that `certificate` out until then; undefined if it is none of its signers. */
export function withHandedOut<S extends RotationState>(state: S, certificate: string, until: number): S | undefined {
  if (!signersOf(state).some((signer) => signer.certificate === certificate)) return undefined;
  return eachSigner(state, (signer) =>
    signer.certificate === certificate && signer.outstandingUntil < until
      ? { ...signer, outstandingUntil: until }
      : signer,
  );
}

const withoutOutstanding = (state: RotationState): RotationState =>
  eachSigner(state, (signer) => ({ ...signer, outstandingUntil: 0 }));

const signersOf = (state: RotationState): readonly RetiringSigner[] => [
  state.signer,
  ...(state.stage === 'distributing' ? [state.next] : state.stage === 'switching' ? [state.retiring] : []),
];

function eachSigner<S extends RotationState>(state: S, change: <T extends RetiringSigner>(signer: T) => T): S {
  return {
    ...state,
    signer: change(state.signer),
    ...(state.stage === 'distributing' && { next: change(state.next) }),
    ...(state.stage === 'switching' && { retiring: change(state.retiring) }),
  };
}
