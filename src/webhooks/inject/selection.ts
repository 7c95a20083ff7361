// Which control plane's webhook the API server asks about a Pod, from the labels of the namespace and of the Pod: what the
// selectors of the webhook configurations say, for those who cannot ask the API server.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
import { matchesSelector } from '../../model/mesh/labels.ts';
import type { StringMap } from './pod/pod.ts';

/** A control plane that is installed. */
export interface Revision {
  /** `default` is the one that unrevisioned labels mean. */
  readonly name: string;
  /** Namespaces without any label are injected as well. */
  readonly everyNamespace?: boolean;
}

export interface Call {
  readonly revision: string;
  /** As the webhook's name begins: `namespace`, `object`, `rev.namespace`, `rev.object`, `auto`. */
  readonly webhook: string;
}

type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] };

interface Webhook extends Call {
  readonly namespaceSelector: readonly Expression[];
  readonly objectSelector: readonly Expression[];
}

const injection = 'istio-injection';
const revision = 'istio.io/rev';
const inject = 'sidecar.istio.io/inject';

const absent = (key: string): Expression => ({ key, operator: 'DoesNotExist' });
const within = (key: string, ...values: readonly string[]): Expression => ({ key, operator: 'In', values });
const notRefused: Expression = { key: inject, operator: 'NotIn', values: ['false'] };

export const systemNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'] as const;

/** The webhooks that a revision installs. */
export function webhooksOf({ name, everyNamespace }: Revision): readonly Webhook[] {
  const ofRevision: readonly Webhook[] = [
    {
      revision: name,
      webhook: 'rev.namespace',
      namespaceSelector: [within(revision, name), absent(injection)],
      objectSelector: [notRefused],
    },
    {
      revision: name,
      webhook: 'rev.object',
      namespaceSelector: [absent(revision), absent(injection)],
      objectSelector: [notRefused, within(revision, name)],
    },
  ];
  if (name !== 'default') return ofRevision;
  const unlabelled = [absent(injection), absent(revision)];
  const auto: Webhook = {
    revision: name,
    webhook: 'auto',
    namespaceSelector: [
      ...unlabelled,
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: systemNamespaces },
    ],
    objectSelector: [absent(inject), absent(revision)],
  };
  return [
    ...ofRevision,
    {
      revision: name,
      webhook: 'namespace',
      namespaceSelector: [within(injection, 'enabled')],
      objectSelector: [notRefused],
    },
    {
      revision: name,
      webhook: 'object',
      namespaceSelector: unlabelled,
      objectSelector: [within(inject, 'true'), absent(revision)],
    },
    ...(everyNamespace === true ? [auto] : []),
  ];
}

/** undefined: nobody is asked. Selectors are made so that no Pod is for two. */
export function webhookFor(
  installed: readonly Revision[],
  namespaceLabels: StringMap,
  podLabels: StringMap,
): Call | undefined {
  const found = installed
    .flatMap(webhooksOf)
    .find(
      ({ namespaceSelector, objectSelector }) =>
        matchesSelector({ matchExpressions: namespaceSelector }, namespaceLabels) &&
        matchesSelector({ matchExpressions: objectSelector }, podLabels),
    );
  return found && { revision: found.revision, webhook: found.webhook };
}
