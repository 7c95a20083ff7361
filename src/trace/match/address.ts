// Whether an address lies in a block.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/address.proto#config-core-v3-cidrrange
import type { envoy_config_core_v3_CidrRange } from '../../xds/generated/messages.ts';

export function inBlock(
  { address_prefix: prefix = '', prefix_len: bits = 0 }: envoy_config_core_v3_CidrRange,
  address: string,
): boolean {
  const block = bytesOf(prefix);
  const bytes = bytesOf(address);
  if (block === undefined || bytes?.length !== block.length) return false;
  return block.every((byte, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    const mask = (0xff << (8 - kept)) & 0xff;
    return (byte & mask) === ((bytes[i] ?? 0) & mask);
  });
}

/** 4 or 16 bytes; undefined for what is no address. */
function bytesOf(text: string): readonly number[] | undefined {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(mapped)) return mapped.split('.').map(Number);
  if (!mapped.includes(':') || mapped.length > 45) return undefined;
  const [head = '', tail] = mapped.split('::');
  const groups = (part: string): number[] => part.split(':').flatMap((each) => (each === '' ? [] : parseInt(each, 16)));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => 0);
  const all = [...before, ...zeros, ...after];
  return all.length === 8 ? all.flatMap((group) => [group >> 8, group & 0xff]) : undefined;
}
