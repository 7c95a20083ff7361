// What EnvoyFilters change in the bootstrap of this Pod's proxy, as text in the environment of the program that writes it.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import { metadataPrefix } from '../../../bootstrap/pod-environment.ts';
import { memo } from '../../../model/memo.ts';
import type { Context } from './context.ts';
import { proxyEnvironment } from './environment.ts';

/** The kernel takes no variable of more than 128 KiB. */
const longest = 96 * 1024;

export interface GivenPatches {
  /** JSON; '' for none. */
  readonly text: string;
  readonly warnings: readonly string[];
}

export const bootstrapPatches = memo((context: Context): GivenPatches => {
  const { settings, place, labels } = context;
  const metadata = Object.fromEntries(
    proxyEnvironment(context).flatMap(({ name, value }) =>
      name.startsWith(metadataPrefix) && value !== undefined ? [[name.slice(metadataPrefix.length), value]] : [],
    ),
  );
  const patches = settings.bootstrapPatches({ namespace: place.namespace, labels, metadata });
  if (patches.length === 0) return { text: '', warnings: [] };
  // Kubernetes would put a variable's value where its name stands in parentheses.
  const text = JSON.stringify(patches).replaceAll('$(', String.raw`\u0024(`);
  if (Buffer.byteLength(text) <= longest) return { text, warnings: [] };
  const warning = `the EnvoyFilters for the bootstrap have more than ${longest} bytes together: the proxy starts without them`;
  return { text: '', warnings: [warning] };
});
