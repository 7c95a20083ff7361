// Opens the daemon's ports; an address that cannot be had is named.
import type { XdsServer } from '../xds/server.ts';

export interface Listening {
  listen(address: string): Promise<number>;
  close(): Promise<void>;
}

/** xDS over TLS, and without it where that is asked for. */
export async function listenXds(
  server: XdsServer,
  { xdsAddress, plaintextAddress }: { readonly xdsAddress: string; readonly plaintextAddress?: string },
): Promise<{ readonly port: number; readonly plaintextPort: number | undefined }> {
  const port = await bound(xdsAddress, (address) => server.listen(address));
  if (plaintextAddress === undefined) return { port, plaintextPort: undefined };
  return { port, plaintextPort: await bound(plaintextAddress, (address) => server.listenPlaintext(address)) };
}

/** The port; undefined without an address. Ends with the daemon. */
export async function listen(
  server: Listening,
  address: string | undefined,
  atEnd: (stop: () => void) => void,
): Promise<number | undefined> {
  if (address === undefined) return undefined;
  atEnd(() => void server.close());
  return bound(address, (wanted) => server.listen(wanted));
}

/** The port. Throws an error that names the address. */
const bound = (address: string, bind: (address: string) => Promise<number>): Promise<number> =>
  bind(address).catch((cause: Error) => {
    throw new Error(`cannot listen on ${address}`, { cause });
  });
