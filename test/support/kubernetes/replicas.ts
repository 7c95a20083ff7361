// Control planes over a test's own API server, with the rights that an install gives to them; and what the server holds.
import type { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../../../src/kubernetes/resource.ts';
import type { Daemon, DaemonOptions } from '../../../src/daemon/options.ts';
import type { Applied } from './install.ts';
import type { TestKubernetes } from './kubernetes.ts';

import { isNotFound } from '../../../src/kubernetes/api-error.ts';
import { openKubernetesClient } from '../../../src/kubernetes/client.ts';
import { startDaemon } from '../../../src/main.ts';
import { customResourceDefinitions } from '../../../src/manifests/crd/definitions.ts';
import { installObjects } from '../../../src/manifests/install.ts';
import { defaultValues } from '../../../src/manifests/values/values.ts';
import { applyDefinitions, applyObjects } from './install.ts';

export const systemNamespace = 'istio-system';
const core = (plural: string, namespaced = true): ResourceType => ({ group: '', version: 'v1', plural, namespaced });
const accounts = core('serviceaccounts');

/** Of Istio's networking API. */
export const istioResource = (plural: string, version = 'v1'): ResourceType => ({
  group: 'networking.istio.io',
  version,
  plural,
  namespaced: true,
});

export const resources = {
  namespaces: core('namespaces', false),
  configMaps: core('configmaps'),
  secrets: core('secrets'),
  services: core('services'),
  accounts,
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', namespaced: true },
  injectors: webhooks('mutating'),
  validators: webhooks('validating'),
} satisfies Readonly<Record<string, ResourceType>>;

function webhooks(kind: 'mutating' | 'validating'): ResourceType {
  const plural = `${kind}webhookconfigurations`;
  return { group: 'admissionregistration.k8s.io', version: 'v1', plural, namespaced: false };
}

/** What an install has, with webhooks that are reached at a port of this machine. */
export async function install(client: KubernetesClient, webhookPort: number): Promise<void> {
  await applyDefinitions(client, customResourceDefinitions());
  const objects = (installObjects(defaultValues, { crds: false }) as readonly Applied[]).map((object) => {
    if (object.kind !== 'Service' || object.metadata.name !== 'istiod') return atPort(object, webhookPort);
    // https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference
    return { ...object, spec: { type: 'ExternalName', externalName: 'localhost' } };
  });
  await applyObjects(client, objects);
}

function atPort(object: Applied, port: number): Applied {
  const hooks = object['webhooks'] as readonly { readonly clientConfig: { readonly service: object } }[] | undefined;
  if (hooks === undefined) return object;
  const moved = hooks.map((hook) => ({ ...hook, clientConfig: { service: { ...hook.clientConfig.service, port } } }));
  return { ...object, webhooks: moved };
}

export interface Replica {
  readonly daemon: Daemon;
  /** Of warnings and errors. */
  readonly complaints: readonly string[];
  readonly news: readonly string[];
  /** Names of the objects whose status it has written, each time. */
  readonly statusesWritten: readonly string[];
  /** In good order; or, with `crash`, as if the machine had gone: nothing reaches the API server any more. */
  readonly stop: (how?: 'crash') => Promise<void>;
}

/** A daemon under the account of the install. */
export async function startReplica(
  kubernetes: TestKubernetes,
  name: string,
  options: Partial<DaemonOptions> = {},
): Promise<Replica> {
  const token = await accountToken(kubernetes.client, { namespace: systemNamespace, name: 'istiod' });
  const opened = await openKubernetesClient({ kubeconfig: await kubernetes.kubeconfigOf({ token }) });
  const statusesWritten: string[] = [];
  const client = watched(opened, (name) => statusesWritten.push(name));
  const complaints: string[] = [];
  const news: string[] = [];
  const note =
    (list: string[]) =>
    (message: string, fields?: object): void =>
      void list.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const daemon = await startDaemon({
    config: client,
    xdsAddress: '127.0.0.1:0',
    replica: name,
    dnsNames: ['localhost', 'istiod.istio-system.svc'],
    log: { info: note(news), warn: note(complaints), error: note(complaints) },
    onProblems: () => {},
    ...options,
  });
  return {
    daemon,
    complaints,
    news,
    statusesWritten,
    stop: async (how) => {
      if (how === 'crash') await client.close();
      await daemon.close();
      await client.close();
    },
  };
}

/** The client, with an ear at its writing of statuses. */
const watched = (client: KubernetesClient, onStatus: (name: string) => void): KubernetesClient =>
  new Proxy(client, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        const [, ref, , options] = given as Parameters<KubernetesClient['patch']>;
        if (property === 'patch' && options.subresource === 'status') onStatus(ref.name);
        return Reflect.apply(value, target, given);
      };
    },
  });

/** As a Pod of the account has one. */
export async function accountToken(
  client: KubernetesClient,
  ref: { readonly namespace: string; readonly name: string },
  audiences?: readonly string[],
): Promise<string> {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { audiences } };
  const { status } = await client.create<KubernetesObject>(accounts, request, { ref, subresource: 'token' });
  return (status as { readonly token: string }).token;
}

/** Undefined if there is none. */
export const find = async (
  client: KubernetesClient,
  resource: ResourceType,
  name: string,
  namespace?: string,
): Promise<KubernetesObject | undefined> =>
  client.get(resource, { name, ...(namespace !== undefined && { namespace }) }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
