// One file out of a tar archive: names and sizes of headers, no more.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06

const block = 512;

/** The file of this name at the top of the archive; undefined if there is none. */
export function fileInTar(archive: Buffer, name: string): Buffer | undefined {
  for (let at = 0; at + block <= archive.length;) {
    const header = archive.subarray(at, at + block);
    const size = Number.parseInt(text(header, 124, 12), 8);
    const own = text(header, 0, 100).replace(/^\.\//, '');
    if (own === '' || !Number.isSafeInteger(size) || size < 0) return undefined;
    const start = at + block;
    const type = header[156] ?? 0;
    const isFile = type === 0 || type === 0x30;
    if (isFile && own === name)
      return start + size <= archive.length ? archive.subarray(start, start + size) : undefined;
    at = start + Math.ceil(size / block) * block;
  }
  return undefined;
}

const text = (header: Buffer, start: number, length: number): string =>
  header
    .toString('latin1', start, start + length)
    .replace(/\0.*$/s, '')
    .trim();
