// What the API server needs to ask our webhooks: the roots behind their certificate, written into every configuration of
// this revision. A validating one begins with the failure policy Ignore; once the API server has been seen to ask us, it
// is Fail, so that nothing gets past.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../kubernetes/resource.ts';
import type { Reconciler } from './reconciler.ts';
import type { Trust } from './trust-distribution.ts';
import { isApiError, isNotFound } from '../kubernetes/api-error.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { reconciler } from './reconciler.ts';
import { fieldManager, mutatingWebhooks, validatingWebhooks } from './resources.ts';

export interface WebhookConfigurationsOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'patch' | 'create'>;
  readonly trust: Trust;
  readonly revision: string;
  /** Where the object is that the webhook is tried with; it is never stored. */
  readonly systemNamespace: string;
  readonly signal: AbortSignal;
  readonly onFault: (configuration: string, error: unknown) => void;
  readonly onEnforced: (configuration: string) => void;
}

interface Webhook {
  readonly name: string;
  readonly clientConfig?: { readonly caBundle?: string };
  readonly failurePolicy?: string;
  readonly objectSelector?: { readonly matchExpressions?: readonly object[]; readonly matchLabels?: object };
}

interface Configuration extends KubernetesObject {
  readonly webhooks?: readonly Webhook[];
}

const revisionLabel = 'istio.io/rev';
const kinds = [
  { resource: mutatingWebhooks, suffix: 'sidecar-injector.istio.io' },
  { resource: validatingWebhooks, suffix: 'validation.istio.io' },
] as const;

/** Until `signal` aborts. For one replica at a time. */
export function maintainWebhookConfigurations(options: WebhookConfigurationsOptions): void {
  const { trust, signal, onFault } = options;
  const known = new Map<string, { readonly resource: ResourceType; readonly configuration: Configuration }>();
  const work = reconciler({
    reconcile: async (key) => {
      const found = known.get(key);
      if (found !== undefined) await maintain(options, found.resource, found.configuration);
    },
    signal,
    onFault,
  });
  signal.addEventListener(
    'abort',
    trust.subscribe(() => work.add(known.keys())),
  );
  for (const kind of kinds) follow(options, kind, known, work);
}

function follow(
  { client, revision, signal }: WebhookConfigurationsOptions,
  { resource, suffix }: (typeof kinds)[number],
  known: Map<string, { readonly resource: ResourceType; readonly configuration: Configuration }>,
  work: Reconciler,
): void {
  const keyOf = (name: string): string => `${resource.plural}${name}`;
  const note = (key: string, configuration: Configuration | undefined): void => {
    if (configuration === undefined) known.delete(keyOf(key));
    else known.set(keyOf(key), { resource, configuration });
  };
  void reflect<Configuration>({
    client,
    resource,
    selection: { labelSelector: `${revisionLabel}=${revision}` },
    read: (object) => ours(object, suffix),
    replace: (objects) => {
      for (const key of known.keys()) if (key.startsWith(`${resource.plural}/`)) known.delete(key);
      for (const [key, configuration] of objects) note(key, configuration);
      work.add([...objects.keys()].map(keyOf));
    },
    change: (changes) => {
      for (const { key, value } of changes) note(key, value);
      work.add(changes.map(({ key }) => keyOf(key)));
    },
    signal,
  });
}

/** Only the webhooks that are answered here. */
const ours = (object: Configuration, suffix: string): Configuration => ({
  ...object,
  webhooks: (object.webhooks ?? []).filter(({ name }) => name === suffix || name.endsWith(`.${suffix}`)),
});

async function maintain(
  options: WebhookConfigurationsOptions,
  resource: ResourceType,
  { metadata, webhooks = [] }: Configuration,
): Promise<void> {
  const { trust, signal } = options;
  const name = metadata.name ?? '';
  const caBundle = Buffer.from(trust.roots).toString('base64');
  const unknowing = webhooks.filter(({ clientConfig }) => clientConfig?.caBundle !== caBundle);
  if (unknowing.length > 0)
    return write(
      options,
      resource,
      name,
      unknowing.map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } })),
    );
  if (resource !== validatingWebhooks) return;
  const lenient = webhooks.filter(({ failurePolicy }) => failurePolicy === 'Ignore');
  for (const webhook of lenient) {
    await beRefused(options, webhook);
    signal.throwIfAborted();
    await write(options, resource, name, [{ name: webhook.name, failurePolicy: 'Fail' }]);
    options.onEnforced(`${name}/${webhook.name}`);
  }
}

/** A merge patch would replace the whole list; the server knows that webhooks are told apart by name. */
async function write(
  { client, signal }: WebhookConfigurationsOptions,
  resource: ResourceType,
  name: string,
  webhooks: readonly object[],
): Promise<void> {
  await client
    .patch(resource, { name }, { webhooks }, { type: 'strategic', fieldManager, signal })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}

class NotAsked extends Error {
  override readonly name = 'NotAsked';
}

/**
 * Resolves when the API server has refused an object that is always refused, and said that this very webhook did so. Throws
 * when anything else comes of it.
 */
async function beRefused(options: WebhookConfigurationsOptions, { name, objectSelector }: Webhook): Promise<void> {
  const { client, revision, systemNamespace, signal } = options;
  const isSelective = (objectSelector?.matchExpressions ?? []).length > 0 || objectSelector?.matchLabels !== undefined;
  const gateway = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: {
      name: 'keelson-webhook-probe',
      namespace: systemNamespace,
      annotations: { 'internal.istio.io/webhook-always-reject': 'true' },
      // Who looks at all objects need not agree with others on this one.
      ...(isSelective && { labels: { [revisionLabel]: revision } }),
    },
    spec: {
      selector: { 'keelson.io/probe': 'true' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['probe.invalid'] }],
    },
  };
  const answer = await client
    .create(gateways, gateway, { dryRun: true, signal })
    .then(() => 'the object was accepted')
    .catch((error: unknown) => {
      if (!isApiError(error)) throw error;
      return error.message;
    });
  if (!answer.includes(`admission webhook "${name}" denied the request`))
    throw new NotAsked(`the API server does not ask ${name} yet: ${answer}`);
}

const gateways: ResourceType = { group: 'networking.istio.io', version: 'v1', plural: 'gateways', namespaced: true };
