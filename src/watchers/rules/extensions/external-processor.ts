// ExternalProcessor: what it is attached to, and whether it is sent anything at all.
import type { KindMap, ProcessedParts } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { doubtful } from '../../draft.ts';
import { checkDuration, checkTargets } from '../common.ts';

export function* externalProcessor({ spec }: KindMap['ExternalProcessor']): Drafts {
  yield* checkTargets(spec);
  yield* checkDuration(spec.timeout, ['spec', 'timeout']);
  if (!isSent(spec.request) && !isSent(spec.response))
    yield doubtful(['spec'], 'the service is sent nothing: neither headers nor bodies nor trailers');
}

const isSent = ({ headers = true, body = 'NONE', trailers = false }: ProcessedParts = {}): boolean =>
  headers || body !== 'NONE' || trailers;
