// Who has a certificate of this mesh, and until when: what is known of a proxy when it is not there to be asked.

/** Times are milliseconds since 1970. */
export interface CertificateHolder {
  /** `pod.namespace` */
  readonly proxy: string;
  /** As its node id says. */
  readonly address: string;
  /** When the last certificate that it was given ends. */
  readonly until: number;
  /** When its last stream ended; undefined while it has one. */
  readonly leftAt?: number | undefined;
  /** Why there is no newer certificate for it; undefined once there is. */
  readonly fault?: string | undefined;
}
