// WebAssembly modules of our own for Envoy, put together byte by byte: one adds a header to every response, and one may refuse
// to start.
// https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
// https://webassembly.github.io/spec/core/binary/modules.html

export interface ModuleOptions {
  readonly header: readonly [name: string, value: string];
  /** Whether it says yes when it is started. */
  readonly starts?: boolean;
}

const i32 = 0x7f;
const responseHeaders = 2;

export function headerModule({ header: [name, value], starts = true }: ModuleOptions): Buffer {
  const constant = (number: number): readonly number[] => [0x41, ...signed(number)];
  const data = Buffer.from(name + value);
  const call = [
    ...constant(responseHeaders), ...constant(0), ...constant(name.length), ...constant(name.length), ...constant(value.length),
    0x10, 0, 0x1a, ...constant(0),
  ]; // prettier-ignore
  const functions = [
    { name: 'proxy_abi_version_0_2_1', type: 0, code: [] },
    { name: 'malloc', type: 1, code: constant(4096) },
    { name: 'proxy_on_vm_start', type: 2, code: constant(starts ? 1 : 0) },
    { name: 'proxy_on_configure', type: 2, code: constant(1) },
    { name: 'proxy_on_context_create', type: 3, code: [] },
    { name: 'proxy_on_response_headers', type: 4, code: call },
  ];
  const types = [
    [0x60, 0, 0],
    ...[1, 2].map((count) => [0x60, ...list(Array.from({ length: count }, () => [i32])), 1, i32]),
    [0x60, 2, i32, i32, 0],
    ...[3, 5].map((count) => [0x60, ...list(Array.from({ length: count }, () => [i32])), 1, i32]),
  ];
  const exported = functions.map((each, i) => [...text(each.name), 0, i + 1]);
  return Buffer.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, list(types)),
    ...section(2, list([[...text('env'), ...text('proxy_add_header_map_value'), 0, 5]])),
    ...section(3, list(functions.map(({ type }) => [type]))),
    ...section(5, [1, 0, 2]),
    ...section(7, list([[...text('memory'), 2, 0], ...exported])),
    ...section(10, list(functions.map(({ code }) => sized([0, ...code, 0x0b])))),
    ...section(11, list([[0, ...constant(0), 0x0b, ...sized([...data])]])),
  ]); // prettier-ignore
}

const section = (id: number, content: readonly number[]): readonly number[] => [id, ...sized(content)];
const sized = (content: readonly number[]): readonly number[] => [...unsigned(content.length), ...content];
const list = (items: readonly (readonly number[])[]): readonly number[] => [...unsigned(items.length), ...items.flat()];
const text = (characters: string): readonly number[] => sized([...Buffer.from(characters)]);

function unsigned(number: number): readonly number[] {
  return number < 128 ? [number] : [(number & 127) | 128, ...unsigned(number >> 7)];
}

function signed(number: number): readonly number[] {
  return number >= -64 && number < 64 ? [number & 127] : [(number & 127) | 128, ...signed(number >> 7)];
}
