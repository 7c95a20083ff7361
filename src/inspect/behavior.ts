// What a change of a resource means to traffic, in words.
import type { Kind, ResourceChange } from './differences.ts';

/** `how requests are routed at 80 changes` */
export function behavior({ kind, name, change }: Pick<ResourceChange, 'kind' | 'name' | 'change'>): string {
  const [direction, port, subset, host] = name.split('|');
  const where = host === undefined || host === '' ? name : `${host}:${port}${subset === '' ? '' : ` subset ${subset}`}`;
  const from = direction === 'inbound' ? `its own port ${port}` : where;
  const words: Readonly<Record<Kind, string>> = {
    cluster: `how ${from} is connected to`,
    endpoint: `the endpoints of ${from}`,
    listener: `what is received at ${name}`,
    route: `how requests are routed at ${name}`,
    virtualHost: `how requests for ${name} are routed`,
    extension: `the extension ${name}`,
  };
  return `${words[kind]} ${change}`;
}
