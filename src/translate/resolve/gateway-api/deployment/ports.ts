// Ports of the Service of a Gateway: one for each port that a listener has, and the one that tells whether its proxies are ready.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
interface Listened {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

interface ServicePort extends Listened {
  readonly appProtocol: string;
}

const statusPort: ServicePort = { name: 'status-port', port: 15021, protocol: 'TCP', appProtocol: 'tcp' };
const implied: Readonly<Record<string, number>> = { HTTP: 80, HTTPS: 443 };

/** The first listener on a port names it, of connections and of datagrams. Names of listeners may be longer than those of ports. */
export function servicePorts(listeners: readonly Listened[]): readonly ServicePort[] {
  const ports = new Map([[`TCP ${statusPort.port}`, statusPort]]);
  const names = new Set([statusPort.name]);
  for (const listener of listeners) {
    const port = listener.port || (implied[listener.protocol] ?? 0);
    const protocol = listener.protocol === 'UDP' ? 'UDP' : 'TCP';
    const key = `${protocol} ${port}`;
    if (port === 0 || ports.has(key)) continue;
    const fits = isPortName(listener.name) && !names.has(listener.name);
    const appProtocol = listener.protocol.toLowerCase();
    const plain = `port-${port}`;
    const name = fits ? listener.name : names.has(plain) ? `${plain}-${appProtocol}` : plain;
    names.add(name);
    ports.set(key, { name, port, protocol, appProtocol });
  }
  return [...ports.values()];
}

const isPortName = (name: string): boolean => name.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name);
