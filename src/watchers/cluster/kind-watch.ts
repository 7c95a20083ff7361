// One kind of a cluster: found under whichever version is served, followed, and looked for again when it is served no
// longer, or not yet.
import type { ObjectKey } from '../../model/object.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { Pace } from '../../kubernetes/pace.ts';
import type { Change, ReflectorState } from '../../kubernetes/reflector.ts';
import type { KubernetesObject, ResourceType } from '../../kubernetes/resource.ts';
import type { ApiError } from '../../kubernetes/api-error.ts';
import type { KindRow } from '../kinds.ts';
import type { Definitions } from './definitions.ts';
import { isApiError, isForbidden } from '../../kubernetes/api-error.ts';
import { servedResource } from '../../kubernetes/discovery.ts';
import { defaultPace, retryDelay } from '../../kubernetes/pace.ts';
import { faultOf, reflect } from '../../kubernetes/reflector.ts';
import { resourceName } from '../../kubernetes/resource.ts';
import { fieldSelectors } from './relevant.ts';

/** `absent`: the API server does not serve the kind. */
export type KindState = ReflectorState | { readonly kind: 'absent' };

export interface KindWatchOptions<T> {
  readonly client: KubernetesClient;
  readonly row: KindRow;
  readonly definitions: Definitions;
  readonly read: (object: KubernetesObject) => T;
  readonly replace: (objects: ReadonlyMap<ObjectKey, T>) => void;
  readonly change: (changes: readonly Change<T>[]) => void;
  readonly onState: (state: KindState) => void;
  readonly signal: AbortSignal;
  readonly pace?: Partial<Pace>;
}

/** What has just been defined, or a server that has just started, needs a moment to be served or to serve. */
const hastyLooks = 5;

/** Runs until `signal`. */
export async function watchKind<T>(options: KindWatchOptions<T>): Promise<void> {
  const { client, row, definitions, signal, onState } = options;
  const pace = { ...defaultPace, ...options.pace };
  const name = resourceName(row);
  const alarm = wakeable();
  const unfollow = definitions.follow(name, alarm.wake);
  try {
    let denials = 0;
    for (let looks = 0; !signal.aborted; looks++) {
      const found = await look(client, row, signal);
      if (signal.aborted) return;
      denials = isForbidden(found) ? denials + 1 : 0;
      if (isApiError(found)) onState(faultOf(found, denials));
      else if (found !== undefined) {
        const fieldSelector = fieldSelectors[row.kind];
        const selection = fieldSelector === undefined ? {} : { selection: { fieldSelector } };
        if ((await reflect({ ...options, ...selection, resource: found })) === 'ended') return;
      } else if (definitions.has(name) === false || looks >= hastyLooks) {
        // Only who knows that nobody defines the kind knows that there are no objects of it.
        if (definitions.has(name) === false) options.replace(new Map());
        onState({ kind: 'absent' });
      }
      const longestMs = isApiError(found) && denials === 0 ? pace.unreachableMs : pace.deniedMs;
      const isUndefined = found === undefined && definitions.has(name) === false;
      const pauseMs = isUndefined ? pace.absentMs : retryDelay(looks, { ...pace, longestMs });
      if (await alarm.wait(pauseMs, signal)) looks = 0;
    }
  } finally {
    unfollow();
  }
}

const look = (
  client: KubernetesClient,
  row: KindRow,
  signal: AbortSignal,
): Promise<ResourceType | ApiError | undefined> =>
  servedResource(client, row, signal).catch((error: unknown) => {
    if (!isApiError(error)) throw error;
    return error;
  });

/** A pause that can be ended early, also just before it begins. */
function wakeable() {
  let woken = false;
  let end: (() => void) | undefined;
  return {
    wake: () => {
      woken = true;
      end?.();
    },
    /** Resolves with whether it was woken. */
    wait: async (ms: number, signal: AbortSignal): Promise<boolean> => {
      if (!woken && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          end = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener('abort', end, { once: true });
        });
      if (end !== undefined) signal.removeEventListener('abort', end);
      end = undefined;
      const early = woken;
      woken = false;
      return early;
    },
  };
}
