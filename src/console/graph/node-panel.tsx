// What is known of the node that was chosen, in words: the graph for those who do not see it.
import type { Graph, GraphEdge, GraphNode } from '../../admin/console/api.ts';
import { Badge } from '../parts/badge.tsx';
import { Sources } from '../parts/source.tsx';
import { link } from '../place.ts';
import { count } from '../words.ts';
import { isDown, nodeWords } from './graph-view.tsx';

interface PanelProps {
  readonly graph: Graph;
  readonly id: string;
  readonly onSelect: (id: string) => void;
  readonly onOpen: (namespace: string) => void;
}

const tones = { strict: 'good', permissive: 'warn', disabled: 'bad', mixed: 'warn' } as const;

export function NodePanel({ graph, id, onSelect, onOpen }: PanelProps) {
  const node = graph.nodes.find((each) => each.id === id);
  if (node === undefined)
    return (
      <aside class="node-panel">
        <p class="empty">Choose a node to see what leads to it and where it leads.</p>
        <Troubles graph={graph} onSelect={onSelect} />
      </aside>
    );
  const { role, name, namespace, mtls, problems } = node;
  return (
    <aside class="node-panel" aria-live="polite">
      <p class="muted above">{role}</p>
      <h2>{name}</h2>
      <p>{nodeWords(node)}</p>
      {mtls !== undefined && (
        <p>
          Mutual TLS: <Badge tone={tones[mtls]}>{mtls}</Badge>
        </p>
      )}
      {problems > 0 && (
        <p>
          <a href={link(['problems'], { search: role === 'namespace' ? namespace : name })}>
            {count(problems, 'problem')}
          </a>
        </p>
      )}
      <p class="actions">
        {role === 'namespace' && (
          <button type="button" onClick={() => onOpen(namespace)}>
            Look inside
          </button>
        )}
        <a href={link(['proxies'], { search: namespace })}>Proxies of {namespace}</a>
        <a href={link(['objects'], { search: namespace })}>Objects of {namespace}</a>
      </p>
      <Ways graph={graph} title="From here" node={node} side="to" onSelect={onSelect} />
      <Ways graph={graph} title="To here" node={node} side="from" onSelect={onSelect} />
    </aside>
  );
}

function Troubles({ graph, onSelect }: Pick<PanelProps, 'graph' | 'onSelect'>) {
  const troubled = graph.nodes.filter((node) => node.problems > 0 || isDown(node));
  if (troubled.length === 0) return null;
  return (
    <>
      <h2>In trouble</h2>
      <ul class="plain-list">
        {troubled.map((node) => (
          <li key={node.id}>
            <button type="button" class="plain" onClick={() => onSelect(node.id)}>
              {node.name}
            </button>{' '}
            <span class="muted">
              {[nodeWords(node), ...(node.problems > 0 ? [count(node.problems, 'problem')] : [])].join(', ')}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

interface WaysProps {
  readonly graph: Graph;
  readonly title: string;
  readonly node: GraphNode;
  /** Which end of an edge is the other one. */
  readonly side: 'from' | 'to';
  readonly onSelect: (id: string) => void;
}

function Ways({ graph, title, node, side, onSelect }: WaysProps) {
  const own = side === 'to' ? 'from' : 'to';
  const edges = graph.edges.filter((edge) => edge[own] === node.id);
  const names = new Map(graph.nodes.map(({ id, name }) => [id, name]));
  if (edges.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="plain-list">
        {edges.map((edge) => (
          <li key={edge[side]}>
            <button type="button" class="plain" onClick={() => onSelect(edge[side])}>
              {names.get(edge[side])}
            </button>{' '}
            <TrafficWords edge={edge} />
            <Sources sources={edge.causes} />
          </li>
        ))}
      </ul>
    </>
  );
}

function TrafficWords({ edge: { traffic } }: { readonly edge: GraphEdge }) {
  if (traffic === undefined) return null;
  const { requestsPerSecond, errorsPerSecond, mutual } = traffic;
  return (
    <span class="muted">
      {requestsPerSecond.toFixed(1)}/s, {errorsPerSecond.toFixed(1)} failing, {Math.round(mutual * 100)} % mutual TLS
    </span>
  );
}
