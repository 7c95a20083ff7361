// One kind of a cluster: found under whichever version is served, followed, and looked for again when it is served no
// longer, or not yet.
import type { ObjectKey } from '../../model/object.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { Pace } from '../../kubernetes/pace.ts';
import type { Change, ReflectorState } from '../../kubernetes/reflector.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { KindRow } from '../kinds.ts';
import type { Definitions } from './definitions.ts';
import { isApiError, isForbidden } from '../../kubernetes/api-error.ts';
import { servedResource } from '../../kubernetes/discovery.ts';
import { defaultPace, retryDelay } from '../../kubernetes/pace.ts';
import { reflect } from '../../kubernetes/reflector.ts';
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

/** Runs until `signal`. */
export async function watchKind<T>(options: KindWatchOptions<T>): Promise<void> {
  const { client, row, definitions, signal, onState } = options;
  const pace = { ...defaultPace, ...options.pace };
  const name = resourceName(row);
  const alarm = wakeable();
  const unfollow = definitions.follow(name, alarm.wake);
  try {
    for (let looks = 0; !signal.aborted; looks++) {
      const resource = await servedResource(client, row, signal).catch((error: unknown) => failed(error, signal));
      if (resource !== undefined && 'plural' in resource) {
        const selector = fieldSelectors[row.kind];
        const selection = selector === undefined ? {} : { selection: { fieldSelector: selector } };
        if ((await reflect({ ...options, ...selection, resource })) === 'ended') return;
      } else if (resource !== undefined) {
        onState(resource);
      } else {
        // Only who knows that nobody defines the kind knows that there are no objects of it.
        if (definitions.has(name) === false) options.replace(new Map());
        onState({ kind: 'absent' });
      }
      // The server needs a moment to serve what has just been defined.
      if (await alarm.wait(retryDelay(looks, { ...pace, longestMs: pace.deniedMs }), signal)) looks = 0;
    }
  } finally {
    unfollow();
  }
}

function failed(error: unknown, signal: AbortSignal): KindState {
  if (signal.aborted) return { kind: 'absent' };
  if (!isApiError(error)) throw error;
  return { kind: isForbidden(error) ? 'denied' : 'failing', reason: error.message };
}

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
