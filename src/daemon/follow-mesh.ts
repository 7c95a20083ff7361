// Who hears of changes: everything that depends on the mesh, and everything that depends on what proxies answer.
import type { CredentialSecrets } from '../ca/credentials/credential-secrets.ts';
import { authoritySecret } from './authority/credentials.ts';
import type { LiveMesh } from './mesh/live-mesh.ts';
import type { XdsObserver } from '../xds/observer.ts';
import type { XdsServer } from '../xds/server.ts';
import type { daemonCertificates } from './authority/certificates.ts';
import type { ClusterPart } from './cluster/cluster-part.ts';

export interface MeshFollowers {
  readonly certificates: Awaited<ReturnType<typeof daemonCertificates>>;
  readonly credentials: CredentialSecrets;
  readonly server: XdsServer;
  readonly cluster: ClusterPart | undefined;
}

/** From now on everybody hears of every change. */
export function followMesh(mesh: LiveMesh, { certificates, credentials, server, cluster }: MeshFollowers): void {
  mesh.onChange = async () => {
    certificates.plug(authoritySecret(mesh.snapshot, mesh.installation));
    credentials.update();
    cluster?.changed();
    await server.update();
  };
  if (cluster !== undefined) mesh.onObject = (row, object) => cluster.seen(row, object);
  cluster?.changed();
  certificates.start({
    proxies: () => server.status().map(({ node, unacceptedSecrets }) => ({ name: node.id, unacceptedSecrets })),
    ...(cluster?.replicas !== undefined && { replicas: cluster.replicas }),
  });
}

/** Calls `onAnswer` besides, after every answer of a proxy. */
export const withAnswers = (observer: XdsObserver, onAnswer: () => void): XdsObserver => ({
  ...observer,
  settled: (...answer) => (observer.settled(...answer), onAnswer()),
});
