// What becomes of the authority, as Events beside the Secret that it is kept in: steps of a rotation, and that it ends.
import type { AuthorityNews } from '../../ca/root/authority-news.ts';
import type { AuthorityStatus } from '../../ca/root/resident.ts';
import { pluggedSecret } from '../../ca/root/plugged.ts';
import type { Occurrence } from '../../controllers/event-writer.ts';
import { eventWriter } from '../../controllers/event-writer.ts';
import { secrets } from '../../controllers/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { Log } from '../../xds/log.ts';
import { rootSecretName } from '../authority/authority.ts';

export interface AuthorityEventsOptions {
  readonly client: KubernetesClient;
  readonly systemNamespace: string;
  readonly replica: string;
  /** All that is to be told of at the moment. */
  readonly news: () => readonly AuthorityNews[];
  readonly origin: () => AuthorityStatus['origin'];
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Events live for an hour, unless the API server is told otherwise: what lasts is told again, which counts it. */
const reminderMs = 30 * 60_000;

/** For the replica that writes, until `signal`. Returns what tells of something new. */
export function authorityEvents(options: AuthorityEventsOptions): (news: AuthorityNews) => void {
  const { client, systemNamespace, replica, origin, signal, log } = options;
  const write = eventWriter({
    client,
    instance: replica,
    signal,
    onFault: ({ reason }, error) => log.warn('an Event cannot be written', { event: reason, reason: String(error) }),
  });
  const tell = (news: AuthorityNews): void => {
    const name = origin() === 'plugged' || news.kind === 'unusable' ? pluggedSecret : rootSecretName;
    const ref = { namespace: systemNamespace, name };
    write({ ...occurrence(news), regarding: { resource: secrets, kind: 'Secret', ref } });
  };
  const remind = (): void => options.news().forEach(tell);
  remind();
  const timer = setInterval(remind, reminderMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer));
  return tell;
}

function occurrence(news: AuthorityNews): Omit<Occurrence, 'regarding'> {
  switch (news.kind) {
    case 'ends':
      return { type: 'Warning', reason: 'AuthorityEnds', action: 'Rotate', note: news.message };
    case 'unusable':
      return { type: 'Warning', reason: 'AuthorityUnusable', action: 'Correct', note: news.message };
    case 'stage': {
      const note = `${news.message}: '${news.authority}', good until ${news.until}`;
      return { type: 'Normal', reason: reasons[news.stage], action: 'Rotate', note };
    }
  }
}

const reasons = {
  distributing: 'RootDistributed',
  switching: 'SignerSwitched',
  settled: 'RotationCompleted',
} as const;
