// A gateway that is open on port 80, a service behind it, and the router that serves it.
import type { Asking } from '../objects/translated.ts';

export const frontGateway = `---
apiVersion: v1
kind: Service
metadata: {name: jam, namespace: garden}
spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec: {selector: {app: gate}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`;

export const gate: Asking = {
  type: 'router',
  name: 'gate-1',
  namespace: 'edge',
  address: '10.2.0.9',
  metadata: { LABELS: { app: 'gate' } },
};
