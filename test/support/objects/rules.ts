// VirtualServices and DestinationRules of the lab, with only what a test is about written out.
import { namespace } from '../mesh/lab.ts';

/** A VirtualService: `http`, or all of `spec` below the hosts, as YAML of two spaces' depth. */
export const virtualService = (name: string, spec: string, hosts = `[${name}]`): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: ${hosts}
${indented(spec)}
`;

export const destinationRule = (host: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: ${namespace} }
spec:
  host: ${host}
${indented(spec)}
`;

/** Subsets v1 and v2 by the label `version`. */
export const versions = (host: string): string =>
  destinationRule(
    host,
    `
subsets:
  - { name: v1, labels: { version: v1 } }
  - { name: v2, labels: { version: v2 } }
`,
  );

export const peerAuthentication = (mode: string): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: ${namespace} }
spec:
  mtls: { mode: ${mode} }
`;

const indented = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line}`)
    .join('\n');
