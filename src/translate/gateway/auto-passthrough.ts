// Which servers of a Gateway pass the mesh's mutual TLS on, untouched, to the service that its server name says.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings-TLSmode
import type { Server } from '../../model/schema/index.ts';
import { isHttp, istioProtocol } from '../resolve/protocol.ts';

/** HTTP in the clear has no server name to go by, whatever its TLS settings say. */
export const isAutoPassthrough = ({ port, tls }: Server): boolean =>
  tls?.mode === 'AUTO_PASSTHROUGH' && !isHttp(istioProtocol(port.protocol));
