// An object that caused something, as a link to it.
import type { SourceRef } from '../../model/source.ts';
import { describeSource } from '../../model/source.ts';
import { link } from '../place.ts';

/** Kinds that the console shows no bodies of. */
const untold = new Set([
  'Pod',
  'Service',
  'Endpoints',
  'EndpointSlice',
  'Secret',
  'ConfigMap',
  'Namespace',
  'Node',
  'MeshConfig',
]);

export const objectLink = ({ kind, namespace, name }: Pick<SourceRef, 'kind' | 'namespace' | 'name'>): string =>
  link(['object', kind, namespace === '' ? '-' : namespace, name]);

export function Source({ source }: { readonly source: SourceRef }) {
  const words = describeSource(source);
  if (untold.has(source.kind) || source.name === '') return <span class="source">{words}</span>;
  return (
    <a class="source" href={objectLink(source)}>
      {words}
    </a>
  );
}

const mostShown = 4;

export function Sources({ sources }: { readonly sources: readonly SourceRef[] }) {
  if (sources.length === 0) return null;
  const shown = sources.slice(0, mostShown);
  return (
    <span class="sources">
      {shown.map((source) => (
        <Source key={describeSource(source)} source={source} />
      ))}
      {sources.length > shown.length && <span class="muted">and {sources.length - shown.length} more</span>}
    </span>
  );
}
