// All views, in the order of the menu.
import type { ComponentType } from 'preact';

import type { Place } from '../place.ts';
import { CertificatesView } from './certificates.tsx';
import { DiffView } from './diff.tsx';
import { MeshView } from './mesh.tsx';
import { ObjectView } from './object.tsx';
import { ObjectsView } from './objects.tsx';
import { ProblemsView } from './problems.tsx';
import { ProxiesView } from './proxies.tsx';
import { ProxyView } from './proxy.tsx';
import { PushesView } from './pushes.tsx';
import { TraceView } from './trace.tsx';

export interface View {
  readonly name: string;
  /** In the menu; without one it is reached from another view. */
  readonly label?: string;
  /** First parts of the places that belong to its entry. */
  readonly groups: readonly string[];
  readonly title: (place: Place) => string;
  readonly View: ComponentType<{ readonly place: Place }>;
}

const own = (name: string, label: string, view: View['View'], ...below: readonly string[]): View => {
  return { name, label, groups: [name, ...below], title: () => label, View: view };
};

export const views: readonly View[] = [
  own('', 'Mesh', MeshView),
  own('proxies', 'Proxies', ProxiesView, 'proxy'),
  own('objects', 'Objects', ObjectsView, 'object'),
  own('problems', 'Problems', ProblemsView),
  own('trace', 'Trace', TraceView),
  own('diff', 'Diff', DiffView),
  own('pushes', 'Pushes', PushesView),
  own('certificates', 'Certificates', CertificatesView),
  { name: 'proxy', groups: [], title: ({ path }) => path[1] ?? 'Proxy', View: ProxyView },
  { name: 'object', groups: [], title: ({ path }) => path.slice(1).join('/'), View: ObjectView },
];

const nowhere: View = {
  name: 'nowhere',
  groups: [],
  title: () => 'Nothing here',
  View: () => (
    <>
      <h1>Nothing here</h1>
      <p>
        There is no such view. <a href="#/">Back to the mesh</a>
      </p>
    </>
  ),
};

export const viewOf = ({ path }: Place): View => views.find(({ name }) => name === (path[0] ?? '')) ?? nowhere;
