// Where a route leads: hosts, subsets, ports and weights.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination
import type { Destination } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { invalid } from '../../draft.ts';
import { checkPort } from '../common.ts';
import { isDnsLabel, wildcardNameFault } from '../syntax/host.ts';

export function* checkDestination(destination: Destination, path: FieldPath): Drafts {
  const { host, subset = '', port } = destination;
  const fault = host === '*' ? 'a destination must be one host, not "*"' : wildcardNameFault(host);
  if (fault !== undefined) yield invalid([...path, 'host'], fault);
  if (subset !== '' && !isDnsLabel(subset)) yield invalid([...path, 'subset'], `"${subset}" is not a subset name`);
  if (port) yield* checkPort(port.number ?? 0, [...path, 'port', 'number']);
}

export function* checkWeights(targets: readonly { readonly weight?: number }[], path: FieldPath): Drafts {
  let total = 0;
  for (const [index, { weight = 0 }] of targets.entries()) {
    total += weight;
    if (weight < 0) yield invalid([...path, index, 'weight'], `the weight ${weight} is negative`);
  }
  if (targets.length > 1 && total === 0) yield invalid(path, 'the weights of the destinations add up to 0');
  if (total > 4294967295) yield invalid(path, 'the weights of the destinations add up to more than 4294967295');
}
