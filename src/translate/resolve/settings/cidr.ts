// Blocks of IP addresses: `10.1.0.0/16`, `fd00::/8`.
// https://www.rfc-editor.org/rfc/rfc4291#section-2.2

import type { AddressBlock } from '../../../model/mesh/mesh.ts';

/** Whether `address` is in `block`; never when one of them is no address. */
export function contains(block: string, address: string): boolean {
  const [base = '', length] = block.split('/', 2);
  const start = parse(base);
  const wanted = parse(address);
  if (start === undefined || wanted === undefined || start.bits !== wanted.bits) return false;
  const host = BigInt(start.bits - (length === undefined ? start.bits : Number(length)));
  return start.value >> host === wanted.value >> host;
}

/** Those that are blocks, or single addresses: IPv4 first, by address, the larger first. */
export const sortedBlocks = (written: readonly string[]): readonly AddressBlock[] =>
  written
    .flatMap((text) => {
      const [address = '', length] = text.split('/', 2);
      const parsed = parse(address);
      const bits = length === undefined || length === '' ? parsed?.bits : Number(length);
      return parsed === undefined || bits === undefined || !(bits >= 0 && bits <= parsed.bits)
        ? []
        : { parsed, block: { address, length: bits } };
    })
    .toSorted(
      (a, b) =>
        a.parsed.bits - b.parsed.bits ||
        Number(a.parsed.value > b.parsed.value) - Number(a.parsed.value < b.parsed.value) ||
        a.block.length - b.block.length,
    )
    .map(({ block }) => block);

interface Parsed {
  readonly value: bigint;
  readonly bits: 32 | 128;
}

function parse(address: string): Parsed | undefined {
  return address.includes(':') ? parseIpv6(address) : parseIpv4(address);
}

function parseIpv4(address: string): Parsed | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return { value: parts.reduce((value, part) => value * 256n + BigInt(part), 0n), bits: 32 };
}

/** An IPv4 address at the end stands for the last two groups. */
function parseIpv6(address: string): Parsed | undefined {
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':').flatMap(expand));
  const [head = '', tail, ...more] = address.split('::');
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const missing = 8 - first.length - last.length;
  if (more.length > 0 || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const all = [...first, ...Array.from({ length: missing }, () => '0'), ...last];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { value: all.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n), bits: 128 };
}

function expand(group: string): readonly string[] {
  const ipv4 = group.includes('.') ? parseIpv4(group)?.value : undefined;
  return ipv4 === undefined ? [group] : [(ipv4 >> 16n).toString(16), (ipv4 & 0xffffn).toString(16)];
}
