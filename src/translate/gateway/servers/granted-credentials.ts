// The credentials that gateways name by more than their own namespace: what a listener of Gateway API may use was decided where
// it became a server, so that whoever serves it may have what it names.
// https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo } from '../../../model/memo.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { ResolvedMesh } from '../../resolve/mesh.ts';
import { selectedGateways } from './selected-gateways.ts';

/** Whether a gateway behind Services of the proxy's own namespace names it. */
export function isCredentialGranted(resolved: ResolvedMesh, proxy: Proxy, name: string): boolean {
  const { gateways } = selectedGateways(resolved, proxy);
  return gateways.some(
    (gateway) =>
      gateway.workloads.by === 'services' &&
      gateway.workloads.namespace === proxy.namespace &&
      credentialsOf(gateway).has(name),
  );
}

const credentialsOf = memo((gateway: Gateway): ReadonlySet<string> => {
  const names = gateway.servers.flatMap(({ server: { tls } }) => {
    const shown = [tls?.credentialName ?? '', ...(tls?.credentialNames ?? [])].filter((name) => name !== '');
    const beside =
      tls?.mode === 'MUTUAL' || tls?.mode === 'OPTIONAL_MUTUAL' ? shown.map((name) => `${name}-cacert`) : [];
    return [...shown, ...beside, ...(tls?.caCertCredentialName === undefined ? [] : [tls.caCertCredentialName])];
  });
  return new Set([...names, ...(gateway.clientCertificate === undefined ? [] : [gateway.clientCertificate])]);
});
