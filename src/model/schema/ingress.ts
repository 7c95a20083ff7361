// Ingress and IngressClass of Kubernetes, down to the fields that a mesh reads.
// https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/
import type { Static } from './fields.ts';
import { int32, list, openMessage, string } from './fields.ts';

const ServiceBackend = openMessage({ name: string, port: openMessage({ name: string, number: int32 }) }, ['name']);

export const IngressBackend = openMessage({ service: ServiceBackend });
export type IngressBackend = Static<typeof IngressBackend>;

export const IngressPath = openMessage({ path: string, pathType: string, backend: IngressBackend }, ['backend']);
export type IngressPath = Static<typeof IngressPath>;

export const IngressRule = openMessage({ host: string, http: openMessage({ paths: list(IngressPath) }) });
export type IngressRule = Static<typeof IngressRule>;

export const IngressSpec = openMessage({
  ingressClassName: string,
  defaultBackend: IngressBackend,
  tls: list(openMessage({ hosts: list(string), secretName: string })),
  rules: list(IngressRule),
});
export type IngressSpec = Static<typeof IngressSpec>;

export const IngressBody = openMessage({ spec: IngressSpec }, ['spec']);
export const IngressClassBody = openMessage({ spec: openMessage({ controller: string }) }, ['spec']);
