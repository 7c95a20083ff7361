// How a VirtualService names gateways.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService-gateways
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { deprecated, invalid } from '../../draft.ts';
import { dnsNameFault, isDnsLabel } from '../syntax/host.ts';

/** Names of gateways: `namespace/name`, `name`, or `mesh`. */
export function* checkGatewayNames(names: readonly string[] | undefined, path: FieldPath): Drafts {
  for (const [index, name] of (names ?? []).entries()) {
    const [namespace = '', gateway] = name.split('/', 2);
    if (gateway === undefined) {
      const fault = dnsNameFault(name);
      if (fault !== undefined) yield invalid([...path, index], fault);
      else if (name.includes('.'))
        yield deprecated([...path, index], `"${name}" is the old form; write namespace/name instead`);
    } else if (!isDnsLabel(namespace) || !isDnsLabel(name.slice(namespace.length + 1))) {
      yield invalid([...path, index], `"${name}" is not of the form namespace/name`);
    }
  }
}
