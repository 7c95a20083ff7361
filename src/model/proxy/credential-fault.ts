// Why somebody who shows a credential is not let in. A few words each, so that they can be counted; never the credential.

export type CredentialFault =
  TokenFault | PeerFault | 'no credentials' | 'node of another identity' | ImpersonationFault;

export type TokenFault =
  'malformed token' | 'token refused' | 'token expired' | 'token for another audience' | 'token of no service account';

export type PeerFault = 'certificate of no workload of this mesh' | 'certificate out of date' | 'certificate revoked';

/** Why nobody gets a certificate on behalf of another workload. */
export type ImpersonationFault =
  'impersonation by an account without trust' | 'impersonation without a Pod' | 'impersonation of nobody on the node';
