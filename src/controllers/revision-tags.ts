// The names that revisions go by: a tag is a webhook configuration that leads to a revision. Which revision is the default one
// is the tag `default`, or else its own name.
// https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels
import type { KubernetesClient } from '../kubernetes/client.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { mutatingWebhooks } from './resources.ts';

export interface RevisionTagsOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch'>;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}

export interface RevisionTags {
  /** The revision that a label means; undefined: the default one. Undefined until tags are known. */
  revisionOf(label: string | undefined): string | undefined;
}

const defaultName = 'default';
const labels = { tag: 'istio.io/tag', revision: 'istio.io/rev' } as const;

/** Until `signal` aborts. */
export function followRevisionTags({ client, signal, onChange }: RevisionTagsOptions): RevisionTags {
  let known: Map<string, readonly [tag: string, revision: string]> | undefined;
  void reflect<readonly [string, string]>({
    client,
    resource: mutatingWebhooks,
    selection: { labelSelector: labels.tag },
    metadataOnly: true,
    read: ({ metadata }) => [metadata.labels?.[labels.tag] ?? '', metadata.labels?.[labels.revision] ?? ''],
    replace: (objects) => {
      known = new Map(objects);
      onChange();
    },
    change: (changes) => {
      for (const { key, value } of changes) {
        if (value === undefined) known?.delete(key);
        else known?.set(key, value);
      }
      onChange();
    },
    signal,
  });
  return {
    revisionOf(label = defaultName) {
      if (known === undefined) return undefined;
      return [...known.values()].find(([tag]) => tag === label)?.[1] ?? label;
    },
  };
}
