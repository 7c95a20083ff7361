// A connection from one replica to another: both show a certificate that only replicas can have.
import { Client, credentials } from '@grpc/grpc-js';

import type { TlsIdentity } from '../../model/external/secret-source.ts';

const largestMessage = 64 << 20;

/** `serverName`: a name in the certificate of every replica. */
export function peerClient(address: string, identity: TlsIdentity, serverName: string): Client {
  const { roots, privateKey, certificateChain } = identity;
  const tls = credentials.createSsl(Buffer.from(roots), Buffer.from(privateKey), Buffer.from(certificateChain));
  return new Client(address, tls, {
    'grpc.ssl_target_name_override': serverName,
    'grpc.max_receive_message_length': largestMessage,
  });
}
