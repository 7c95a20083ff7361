// docs/fields.md says of every field of the traffic kinds what becomes of it, and warns of what the checks warn of.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { bodySchemas } from '../src/model/schema/index.ts';
import { MeshConfigSpec, MeshNetworksSpec } from '../src/model/schema/mesh-config.ts';
import { unsupported, unsupportedInMesh } from '../src/watchers/rules/unsupported-fields.ts';

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
}

const states = new Set(['translated', 'warned', 'refused', 'elsewhere']);
const read = (file: string): string => readFileSync(join(import.meta.dirname, '../docs', file), 'utf8');
const ofIstio = read('fields.md');
const ofGatewayApi = read('gateway-api-fields.md');

/** Field to state, of the section. */
function documented(section: string, text = ofIstio): ReadonlyMap<string, string> {
  const [, body = ''] = text.split(`\n## ${section}\n`);
  const [own = ''] = body.split('\n## ');
  return new Map([...own.matchAll(/^\| `([^`]+)` *\| (\w+) /gm)].map(([, field = '', state = '']) => [field, state]));
}

function leaves(node: SchemaNode, path: string): readonly string[] {
  const fields = Object.entries(node.properties ?? {});
  if (fields.length > 0)
    return fields.flatMap(([name, child]) => leaves(child, path === '' ? name : `${path}.${name}`));
  if (node.items !== undefined) return leaves(node.items, `${path}[]`);
  return typeof node.additionalProperties === 'object' ? leaves(node.additionalProperties, `${path}.*`) : [path];
}

const covers = (row: string, leaf: string): boolean =>
  leaf === row || leaf.startsWith(`${row}.`) || leaf.startsWith(`${row}[`);

const kinds = ['VirtualService', 'DestinationRule', 'ServiceEntry', 'WorkloadEntry', 'WorkloadGroup', 'Sidecar', 'ProxyConfig'] as const; // prettier-ignore

const sections: readonly (readonly [
  string,
  unknown,
  readonly { readonly path: string; readonly values?: readonly unknown[] }[],
])[] = [
  ...kinds.map((kind) => [kind, bodySchemas[kind], unsupported[kind] ?? []] as const),
  ['mesh', MeshConfigSpec, unsupportedInMesh.mesh],
  ['meshNetworks', MeshNetworksSpec, unsupportedInMesh.meshNetworks],
];

describe.each(sections)('the table of %s', (section, schema, warnings) => {
  const rows = documented(section);
  const all = leaves(schema as SchemaNode, '');

  test('says something of every field', () => {
    expect(all.filter((leaf) => ![...rows.keys()].some((row) => covers(row, leaf)))).toEqual([]);
  });

  test('says nothing of fields that there are not', () => {
    const fields = [...rows.keys()].map((row) => row.replace(/=.*/, ''));
    expect(fields.filter((row) => !all.some((leaf) => covers(row, leaf)))).toEqual([]);
    expect([...rows.values()].filter((state) => !states.has(state))).toEqual([]);
  });

  test('has a warning for what it calls warned, and only for that', () => {
    const warned = [...rows].filter(([, state]) => state === 'warned').map(([row]) => row);
    const named = warnings.map(({ path, values }) => (values === undefined ? path : `${path}=${values.join()}`));
    expect(warned.toSorted()).toEqual([...named].toSorted());
  });
});

const gatewayApiKinds = ['GatewayClass', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute', 'ReferenceGrant', 'BackendTLSPolicy', 'XBackendTrafficPolicy'] as const; // prettier-ignore
const gatewayApi: readonly (readonly [string, unknown])[] = [
  ['Gateway', bodySchemas.KubernetesGateway],
  ...gatewayApiKinds.map((kind) => [kind, bodySchemas[kind]] as const),
];

test.each(gatewayApi)(
  'the table of Gateway API says something of every field of %s, and of no other',
  (kind, schema) => {
    const rows = documented(kind, ofGatewayApi);
    const all = leaves(schema as SchemaNode, '');
    expect(all.filter((leaf) => ![...rows.keys()].some((row) => covers(row, leaf)))).toEqual([]);
    expect([...rows.keys()].filter((row) => !all.some((leaf) => covers(row, leaf)))).toEqual([]);
    expect([...rows.values()].filter((state) => !['yes', 'strict', 'no'].includes(state))).toEqual([]);
  },
);
