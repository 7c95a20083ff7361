// Which resources a rejection is about. Envoy names the clusters and listeners that it refuses, each before its
// reason, and takes the others of the same response; of other types it may name none.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version

const longest = 64 * 1024;

/** Those of `names` that `error` refuses; empty if it does not tell. */
export function rejectedNames(error: string, names: readonly string[]): readonly string[] {
  if (names.length === 1) return names;
  const text = ` ${error.slice(0, longest)}`;
  return names.filter((name) => isNamed(text, name));
}

/** The name stands by itself and its reason follows: 'cluster(s) a: ..., b: ...'. */
function isNamed(text: string, name: string): boolean {
  const end = `${name}: `;
  for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end, at + 1)) {
    if (/[\s,]/.test(text[at - 1] ?? '')) return true;
  }
  return false;
}
