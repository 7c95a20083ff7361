// The writing replica's part in Gateway API: its classes, and what is deployed for Gateways, with the patches of users laid
// over it.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment
import { parse } from 'yaml';

import { provideGatewayClasses } from '../../controllers/gateway-classes.ts';
import type { Deployed } from '../../controllers/gateway-deployments.ts';
import { maintainGatewayDeployments } from '../../controllers/gateway-deployments.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import { memo } from '../../model/memo.ts';
import type { DeploymentPlan } from '../../translate/resolve/gateway-api/deployment/plan.ts';
import { strategicMerge } from '../../webhooks/inject/adjust/strategic-merge.ts';
import { isObject } from '../../webhooks/inject/pod/pod.ts';
import type { Log } from '../../xds/log.ts';

export interface GatewayDuties {
  /** To be called when the plans may have changed. */
  update(plans: readonly DeploymentPlan[]): void;
}

/** For all revisions; until `signal` aborts. */
export const provideClasses = (client: KubernetesClient, signal: AbortSignal, log: Log): void =>
  provideGatewayClasses({
    client,
    signal,
    onFault: (name, error) => log.warn('a GatewayClass cannot be made', { name, reason: String(error) }),
  });

/** For the Gateways of one revision; until `signal` aborts. */
export function gatewayDuties(client: KubernetesClient, signal: AbortSignal, log: Log): GatewayDuties {
  const deployments = maintainGatewayDeployments({
    client,
    signal,
    onFault: (gateway, error) =>
      log.error('what a Gateway needs cannot be deployed', { gateway, reason: String(error) }),
  });
  return {
    update(plans) {
      if (!signal.aborted) deployments.update(plans.map((plan) => deployed(plan, log)));
    },
  };
}

/** A patch that cannot be read is told once, and left out. */
const deployed = memo((plan: DeploymentPlan, log: Log): Deployed => {
  const overlays = plan.overlays.map((overlay) => patches(overlay, plan.gateway, log));
  return {
    gateway: plan.gateway,
    objects: plan.objects.map((object) => {
      const key = `${object.kind.charAt(0).toLowerCase()}${object.kind.slice(1)}`;
      const lower: KubernetesObject = { ...object, metadata: { ...object.metadata } };
      return overlays.reduce((under, overlay) => laidOver(under, overlay.get(key)), lower);
    }),
  };
});

/** Whose object it is stays as it is. */
const laidOver = (lower: KubernetesObject, patch: Readonly<Record<string, unknown>> | undefined): KubernetesObject => {
  if (patch === undefined) return lower;
  const { kind, apiVersion, metadata } = lower;
  const merged = strategicMerge(lower as Readonly<Record<string, unknown>>, patch) as KubernetesObject;
  const { name = '', namespace = '', ownerReferences } = metadata;
  const own = { name, namespace, ...(ownerReferences !== undefined && { ownerReferences }) };
  return {
    ...merged,
    ...(apiVersion && { apiVersion }),
    ...(kind && { kind }),
    metadata: { ...merged.metadata, ...own },
  };
};

function patches(
  overlay: Readonly<Record<string, string>>,
  gateway: string,
  log: Log,
): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const read = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [key, text] of Object.entries(overlay)) {
    const patch = readPatch(text);
    if (patch === undefined) log.warn('a patch for what a Gateway needs is no YAML object', { gateway, key });
    else read.set(key, patch);
  }
  return read;
}

function readPatch(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 });
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
