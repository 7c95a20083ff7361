// Bytes from whoever writes them, by way of one buffer that is used again and again: it has grown to what is needed.
import { PbfWriter } from 'pbf';

/** What is larger is not kept, in bytes. */
const mostKept = 4 << 20;

let idle: PbfWriter | undefined;

/** What `write` makes of `value`. */
export function written<T>(write: (value: T, writer: PbfWriter) => void, value: T): Buffer {
  const writer = idle ?? new PbfWriter(new Uint8Array(64 << 10));
  // Whoever writes may want other bytes meanwhile.
  idle = undefined;
  writer.pos = 0;
  write(value, writer);
  const bytes = Buffer.from(writer.buf.subarray(0, writer.pos));
  if (writer.length <= mostKept) idle = writer;
  return bytes;
}

/** The same bytes in memory of their own: few of them that last would keep all of what Node allots to small ones at a time. */
export const lasting = (bytes: Uint8Array): Uint8Array =>
  bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
