// WasmPlugin and TrafficExtension: where the code comes from and what it is given.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { KindMap, WasmConfig } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, duplicate, invalid, missing } from '../../draft.ts';
import { atMostOne, checkTargets } from '../common.ts';

export function* wasmPlugin({ spec }: KindMap['WasmPlugin']): Drafts {
  yield* checkTargets(spec);
  yield* checkWasm(spec, ['spec']);
}

export function* trafficExtension({ spec }: KindMap['TrafficExtension']): Drafts {
  yield* checkTargets(spec);
  yield* atMostOne(spec, ['spec'], ['wasm', 'lua']);
  if (!spec.wasm && !spec.lua) yield missing(['spec'], 'one of wasm and lua is required');
  if (spec.wasm) yield* checkWasm(spec.wasm, ['spec', 'wasm']);
}

const schemes: ReadonlySet<string> = new Set(['file:', 'http:', 'https:', 'oci:']);

function* checkWasm({ url, vmConfig }: Pick<WasmConfig, 'url' | 'vmConfig'>, path: FieldPath): Drafts {
  // Without a scheme it is the name of an image.
  const full = /^[a-z][-+.a-z0-9]*:\/\//i.test(url) ? url : `oci://${url}`;
  if (!URL.canParse(full) || !schemes.has(new URL(full).protocol))
    yield invalid([...path, 'url'], `"${url}" is not an address of scheme file, http, https or oci`);
  const names = new Set<string>();
  for (const [index, { name, value, valueFrom }] of (vmConfig?.env ?? []).entries()) {
    const at = [...path, 'vmConfig', 'env', index];
    if (names.has(name)) yield duplicate([...at, 'name'], `there is another variable "${name}"`);
    names.add(name);
    if (valueFrom === 'HOST' && value !== undefined)
      yield conflict([...at, 'value'], 'the value is taken from the host: none can be set');
  }
}
