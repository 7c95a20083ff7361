// What the control plane says of an object in its status, before it is written anywhere.
// https://kubernetes.io/docs/reference/using-api/api-concepts/

/** The whole status of one object, as its API defines it. Conditions have no times: who writes them knows when they changed. */
export interface ObjectStatus {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: Readonly<Record<string, unknown>>;
}

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}
