// Providers that objects name and that the mesh configuration does not have.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { providerNamed } from '../telemetry/providers.ts';
import type { Fault } from './known-hosts.ts';
import { listed } from './known-hosts.ts';
import { paths } from './paths.ts';

export function authorizerFaults({ spec }: KindMap['AuthorizationPolicy'], settings: MeshSettings): readonly Fault[] {
  const name = spec.provider?.name ?? '';
  if (spec.action !== 'CUSTOM' || name === '' || names(settings).includes(name)) return [];
  return [providerFault('spec.provider.name', name, settings)];
}

export function telemetryFaults({ spec }: KindMap['Telemetry'], settings: MeshSettings): readonly Fault[] {
  const parts = [
    ...paths('spec.tracing', spec.tracing),
    ...paths('spec.metrics', spec.metrics),
    ...paths('spec.accessLogging', spec.accessLogging),
  ];
  return parts.flatMap(([path, { providers }]) =>
    paths(`${path}.providers`, providers).flatMap(([each, { name }]) =>
      providerNamed(settings, name) === undefined ? [providerFault(`${each}.name`, name, settings)] : [],
    ),
  );
}

const names = ({ extensionProviders = [] }: MeshSettings): readonly string[] =>
  extensionProviders.flatMap(({ name }) => name ?? []);

function providerFault(path: string, name: string, settings: MeshSettings): Fault {
  const others = names(settings);
  const remedy = others.length === 0 ? '' : `, or name one of ${listed(others)}`;
  return {
    path,
    message: `the mesh configuration has no extension provider "${name}": add it to extensionProviders${remedy}`,
  };
}
