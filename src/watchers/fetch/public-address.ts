// Addresses that the control plane does not fetch from on a user's word: itself, its machine, and the metadata services of
// clouds, which give credentials to whoever asks from there.
// https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
import { BlockList, isIPv6 } from 'node:net';

const forbidden = new BlockList();
for (const [network, length] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  forbidden.addSubnet(network, length, 'ipv4');
// Metadata services outside the link-local block.
for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) forbidden.addAddress(address, 'ipv4');
for (const [network, length] of [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  forbidden.addSubnet(network, length, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/** Whether `address`, an IP address, may be connected to for a user. */
export function isFetchable(address: string): boolean {
  if (!isIPv6(address)) return !forbidden.check(address, 'ipv4');
  const [plain = ''] = address.split('%');
  const embedded = embeddedIpv4(plain);
  return !forbidden.check(plain, 'ipv6') && (embedded === undefined || !forbidden.check(embedded, 'ipv4'));
}

/** IPv4 inside IPv6: mapped, compatible, translated. */
function embeddedIpv4(address: string): string | undefined {
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff:|::|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}
