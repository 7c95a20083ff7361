// Whether somebody else's rules, as those of a CNI plugin, are in force: a connection of the proxy's user to an address of
// the Pod itself has to come out at the inbound port.
// https://istio.io/latest/docs/setup/additional-setup/cni/#race-condition-mitigation
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Where nothing listens: who arrives was redirected. */
const probedPort = 15002;
const pauseMs = 500;

/** Throws if they are not there after so many seconds. Runs as the proxy's user, which is what the rules look at. */
export async function verifyRules(inboundPort: number, address: string, seconds: number): Promise<void> {
  const attempts = Math.max(1, (seconds * 1000) / pauseMs);
  const server = createServer((socket) => socket.end());
  server.listen(inboundPort);
  await once(server, 'listening');
  try {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if (await arrives(address)) return;
      await delay(pauseMs);
    }
  } finally {
    server.close();
  }
  throw new Error(
    `connections to ${address} are not redirected to port ${inboundPort}: the node's CNI plugin has not set the Pod up; ` +
      'delete the Pod to try again, and look at the plugin on its node',
  );
}

async function arrives(address: string): Promise<boolean> {
  const socket = connect({ host: address, port: probedPort, timeout: 1000 });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('timeout', () => resolve(false));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
