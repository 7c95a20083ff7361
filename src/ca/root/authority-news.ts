// What whoever runs a mesh should hear of its authority: steps of a rotation, what ends, what cannot be used.
import type { Problem } from '../../model/problem.ts';
import type { Expiry } from './expiry.ts';
import type { RotationState } from './root-rotation.ts';
import { expiry } from './expiry.ts';

export type AuthorityNews = StageNews | { readonly kind: 'ends' | 'unusable'; readonly message: string };

export interface StageNews {
  readonly kind: 'stage';
  readonly stage: RotationState['stage'];
  readonly message: string;
  /** The one that comes, or has come, and its end. */
  readonly authority: string;
  readonly until: string;
}

const messages = {
  distributing: 'a new root is given to all proxies',
  switching: 'the new authority signs; certificates are replaced',
  settled: 'the rotation of the root is complete',
} as const;

export function stageNews(state: RotationState): StageNews {
  const { stage } = state;
  const { subject, notAfter } = expiry((stage === 'distributing' ? state.next : state.signer).certificate, 0);
  return {
    kind: 'stage',
    stage,
    message: messages[stage],
    authority: subject,
    until: new Date(notAfter).toISOString(),
  };
}

export const problemNews = ({ code, message }: Problem): AuthorityNews => ({
  kind: code === 'authority-ends' ? 'ends' : 'unusable',
  message,
});

export const endingProblem = ({ subject, notAfter }: Expiry): Problem => ({
  code: 'authority-ends',
  severity: 'warning',
  message: `the authority '${subject}' ends on ${new Date(notAfter).toISOString()}: rotate it before`,
});
