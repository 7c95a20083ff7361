// How many control planes run: between two bounds by load, and never all of them taken away at once.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
import type { Settings } from '../settings.ts';
import { controlPlane, namespaced, serviceSelector } from './names.ts';

export const autoscaler = (settings: Settings): object => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: namespaced(settings, controlPlane(settings)),
  spec: {
    minReplicas: settings.minReplicas,
    maxReplicas: settings.maxReplicas,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: controlPlane(settings) },
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: settings.targetUtilization } },
      },
    ],
  },
});

/** Only where there is more than one: else no node could be drained. */
export const disruptionBudget = (settings: Settings): object => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: namespaced(settings, controlPlane(settings)),
  spec: { minAvailable: 1, selector: { matchLabels: serviceSelector(settings) } },
});
