// What the proxy reads and the init container writes: its bootstrap, the Pod's labels, the token and the mesh's root.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
import { podFiles } from '../../../bootstrap/pod-environment.ts';
import { parsedObject } from '../pod/annotations.ts';
import type { Json, Volume } from '../pod/pod.ts';
import { isObject } from '../pod/pod.ts';
import type { Context } from './context.ts';
import { bootstrapOverride } from './environment.ts';

const tokenSeconds = 43_200;

const label = (name: string): Json => ({ path: name, fieldRef: { fieldPath: `metadata.${name}` } });

export function proxyVolumes(context: Context): readonly Volume[] {
  const override = context.annotations[bootstrapOverride.annotation];
  return [
    ...(override === undefined ? [] : [{ name: bootstrapOverride.volume, configMap: { name: override } }]),
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    { name: 'istio-podinfo', downwardAPI: { items: [label('labels'), label('annotations')] } },
    {
      name: 'istio-token',
      projected: {
        sources: [
          { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: tokenSeconds, path: 'istio-token' } },
        ],
      },
    },
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
    ...named(context, 'sidecar.istio.io/userVolume').map(([name, volume]) => ({ name, ...volume })),
  ];
}

export function proxyMounts(context: Context): readonly Json[] {
  return [
    { name: 'istiod-ca-cert', mountPath: directory(podFiles.rootCertificates) },
    { name: 'istio-envoy', mountPath: podFiles.directory },
    { name: 'istio-token', mountPath: directory(podFiles.token) },
    { name: 'istio-podinfo', mountPath: podFiles.podInfo },
    ...named(context, 'sidecar.istio.io/userVolumeMount').map(([name, mount]) => ({ name, ...mount })),
  ];
}

export function initMounts(context: Context): readonly Json[] {
  const override = context.annotations[bootstrapOverride.annotation];
  return [
    ...(override === undefined ? [] : [{ name: bootstrapOverride.volume, mountPath: bootstrapOverride.directory }]),
    { name: 'istio-envoy', mountPath: podFiles.directory },
    { name: 'istio-podinfo', mountPath: podFiles.podInfo },
  ];
}

const directory = (file: string): string => file.slice(0, file.lastIndexOf('/'));

/** Objects by name in an annotation, in the order in which they are written. */
const named = ({ annotations }: Context, annotation: string): readonly (readonly [string, Json])[] =>
  Object.entries(parsedObject(annotations[annotation]) ?? {}).filter((entry): entry is [string, Json] =>
    isObject(entry[1]),
  );
