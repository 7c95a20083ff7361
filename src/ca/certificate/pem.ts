// The text form of certificates and keys.
// https://www.rfc-editor.org/rfc/rfc7468

/** All PEM blocks of these labels in `text`, each ending with a newline. */
export function pemBlocks(text: string, ...labels: readonly string[]): readonly string[] {
  const found: (readonly [number, string])[] = [];
  for (const label of labels) {
    const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
    for (let from = text.indexOf(begin); from >= 0; from = text.indexOf(begin, from + begin.length)) {
      const to = text.indexOf(end, from);
      if (to >= 0) found.push([from, `${text.slice(from, to)}${end}\n`]);
    }
  }
  return found.toSorted(([a], [b]) => a - b).map(([, block]) => block);
}

export function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
