// WebAssembly modules of our own for Envoy, put together byte by byte: one adds a header to every response, and may refuse to start
// or break at some requests; another writes something before what comes in on connections.
// https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
// https://webassembly.github.io/spec/core/binary/modules.html

export interface ModuleOptions {
  readonly header: readonly [name: string, value: string];
  /** Whether it says yes when it is started. */
  readonly starts?: boolean;
  /** It breaks at requests that have more headers than these. */
  readonly mostHeaders?: number;
}

const i32 = 0x7f;
const responseHeaders = 2;
const downstreamData = 2;

const constant = (number: number): readonly number[] => [0x41, ...signed(number)];
/** Of the host's function, with what is on the stack; what it returns is dropped. */
const callHost: readonly number[] = [0x10, 0, 0x1a];
/** Traps if the second parameter is greater than `most`. */
const breakAbove = (most: number): readonly number[] => [0x20, 1, ...constant(most), 0x4a, 0x04, 0x40, 0x00, 0x0b];
/** Goes on with the request, or the connection. */
const goOn = constant(0);

export function headerModule({ header: [name, value], starts = true, mostHeaders }: ModuleOptions): Buffer {
  const place = [0, name.length, name.length, value.length].flatMap(constant);
  return assembled({
    host: 'proxy_add_header_map_value',
    data: Buffer.from(name + value),
    starts,
    handlers: {
      ...(mostHeaders !== undefined && { proxy_on_request_headers: [...breakAbove(mostHeaders), ...goOn] }),
      proxy_on_response_headers: [...constant(responseHeaders), ...place, ...callHost, ...goOn],
    },
  });
}

export function prefixModule(prefix: string): Buffer {
  const place = [0, 0, 0, prefix.length].flatMap(constant);
  return assembled({
    host: 'proxy_set_buffer_bytes',
    data: Buffer.from(prefix),
    starts: true,
    handlers: { proxy_on_downstream_data: [...constant(downstreamData), ...place, ...callHost, ...goOn] },
  });
}

interface Parts {
  /** The host's function that it calls, of five numbers. */
  readonly host: string;
  /** Stands at the beginning of the memory. */
  readonly data: Buffer;
  readonly starts: boolean;
  /** Functions of three numbers that return one, by name. */
  readonly handlers: Readonly<Record<string, readonly number[]>>;
}

function assembled({ host, data, starts, handlers }: Parts): Buffer {
  const functions = [
    { name: 'proxy_abi_version_0_2_1', type: 0, code: [] },
    { name: 'malloc', type: 1, code: constant(4096) },
    { name: 'proxy_on_vm_start', type: 2, code: constant(starts ? 1 : 0) },
    { name: 'proxy_on_configure', type: 2, code: constant(1) },
    { name: 'proxy_on_context_create', type: 3, code: [] },
    ...Object.entries(handlers).map(([name, code]) => ({ name, type: 4, code })),
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
    ...section(2, list([[...text('env'), ...text(host), 0, 5]])),
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
