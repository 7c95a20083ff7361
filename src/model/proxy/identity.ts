// Who a proxy is, once authenticated: the workload identity its certificate carries.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md

export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` */
export const spiffeId = (id: WorkloadIdentity): string =>
  `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
