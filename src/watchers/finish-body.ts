// The last step of parsing for kinds whose parsed form is not their wire form: a Secret's values are hidden, and the
// ConfigMap of the mesh is read.
import type { ObjectMeta } from '../model/object.ts';
import type { Kind } from '../model/schema/index.ts';
import type { Draft } from './draft.ts';
import { redacted } from '../model/redacted.ts';
import { MeshConfigSpec, MeshNetworksSpec } from '../model/schema/mesh-config.ts';
import { bundleFault, keyPairFault, keyPairValidity } from './certificates.ts';
import { readEmbedded } from './yaml/embedded-yaml.ts';
import { schemaCheck } from './schema/schema-check.ts';

interface Finished {
  readonly body: object;
  readonly drafts: readonly Draft[];
}
type Texts = Readonly<Record<string, string>>;

export function finishBody(kind: Kind, { name }: ObjectMeta, body: object): Finished {
  if (kind === 'Secret') return { body: hideValues(body), drafts: [] };
  if (kind !== 'ConfigMap') return { body, drafts: [] };
  const { data } = body as { readonly data: Texts };
  const checked = { ...body, data, bundleFault: bundleFault((key) => data[key]) };
  // `istio`, or `istio-<revision>`
  return /^istio($|-)/.test(name) ? readMesh(checked) : { body: checked, drafts: [] };
}

function hideValues({
  type = 'Opaque',
  data = {},
  stringData = {},
}: {
  type?: string;
  data?: Texts;
  stringData?: Texts;
}) {
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  const all = Object.entries({ ...data, ...(Object.fromEntries(encoded) as Texts) });
  const values = new Map(all);
  const text = (key: string): string | undefined => {
    const value = values.get(key);
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
  };
  return {
    type,
    data: Object.fromEntries(all.map(([key, value]) => [key, redacted(value)])),
    keyPairFault: keyPairFault(text),
    keyPairValidity: keyPairValidity(text),
    bundleFault: bundleFault(text),
  };
}

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ */
const embedded = {
  meshConfig: { key: 'mesh', schema: MeshConfigSpec, check: schemaCheck(MeshConfigSpec) },
  meshNetworks: { key: 'meshNetworks', schema: MeshNetworksSpec, check: schemaCheck(MeshNetworksSpec) },
} as const;

function readMesh(body: { readonly data: Texts }): Finished {
  const read = Object.entries(embedded).flatMap(([field, { key, schema, check }]) => {
    const text = body.data[key];
    return text === undefined ? [] : [{ field, ...readEmbedded(text, ['data', key], schema, check) }];
  });
  const values = Object.fromEntries(read.map(({ field, value }) => [field, value]));
  return { body: { ...body, ...values }, drafts: read.flatMap(({ drafts }) => drafts) };
}
