// The mesh at a glance, its recent pushes, and its authority.
import type { Push } from '../../../model/proxy/push.ts';
import type { Certificates, Overview, Stretch } from '../api.ts';
import { shownObjects } from './objects.ts';
import { matcher, stretchOf } from './paging.ts';
import { syncState } from './proxies.ts';
import type { Question } from './question.ts';
import { visible } from './question.ts';

/** For callers of one namespace nothing but their proxies. */
export function overview(question: Question): Overview {
  const { plane, source, scope } = question;
  const isWhole = scope === 'mesh';
  const problems = isWhole ? plane.problems() : [];
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const proxies = visible(question);
  const states = { synced: 0, pending: 0, rejecting: 0, total: proxies.length };
  for (const status of proxies) states[syncState(status)]++;
  return {
    version: plane.version.version,
    scope: isWhole ? 'mesh' : 'namespace',
    ready: plane.isReady(),
    services: isWhole ? plane.mesh().services.length : 0,
    objects: isWhole ? shownObjects(question).length : 0,
    proxies: states,
    problems: { error: errors, warning: problems.length - errors },
    rejections: isWhole ? plane.rejections().length : 0,
    authority: isWhole ? source.authority() : undefined,
  };
}

/** The latest first. */
export function pushes({ plane, query }: Question): Stretch<Push> {
  const matches = matcher(query);
  return stretchOf(
    plane.pushes().filter(({ causes }) => matches(...causes.map(({ object }) => Object.values(object).join(' ')))),
    query,
    (push) => push,
  );
}

export function certificates(question: Question): Certificates {
  const waiting = visible(question)
    .filter(({ unacceptedSecrets }) => unacceptedSecrets.length > 0)
    .map(({ proxy, unacceptedSecrets }) => ({ proxy, secrets: unacceptedSecrets }));
  return { ...question.source.authority(), unaccepted: stretchOf(waiting, question.query, (each) => each) };
}
