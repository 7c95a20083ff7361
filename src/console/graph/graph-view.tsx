// The graph as a picture: nodes that can be reached by keyboard, and lines that show the way, how much goes along it, and
// whether it is sealed. It can be moved and enlarged by pointer, wheel and keys.
import { useMemo, useRef } from 'preact/hooks';

import type { Graph, GraphEdge, GraphNode } from '../../admin/console/api.ts';
import type { Placed } from './layout.ts';
import { count } from '../words.ts';
import { layout, nodeSize } from './layout.ts';
import { useZoom } from './zoom.ts';

interface GraphProps {
  readonly graph: Graph;
  readonly selected: string;
  readonly onSelect: (id: string) => void;
  /** Another namespace is to be looked at. */
  readonly onOpen: (namespace: string) => void;
}

export function GraphView({ graph, selected, onSelect, onOpen }: GraphProps) {
  const before = useRef<ReadonlyMap<string, Placed>>(new Map());
  const shape = JSON.stringify([graph.nodes.map(({ id }) => id), graph.edges.map(({ from, to }) => [from, to])]);
  const places = useMemo(() => (before.current = layout(graph, before.current)), [shape]);
  const { viewBox, onWheel, onPointerDown, zoom } = useZoom(places, nodeSize);
  if (graph.nodes.length === 0) return <p class="empty">There are no services yet.</p>;
  const choose = (node: GraphNode): void => {
    if (node.role === 'namespace' && node.id === selected) onOpen(node.namespace);
    else onSelect(node.id);
  };
  return (
    <div class="graph">
      <div class="zoom" role="group" aria-label="Size">
        <button type="button" onClick={() => zoom(0.8)} aria-label="Larger">
          +
        </button>
        <button type="button" onClick={() => zoom(1.25)} aria-label="Smaller">
          −
        </button>
      </div>
      <svg
        viewBox={viewBox}
        preserveAspectRatio="xMidYMin meet"
        role="group"
        aria-label="Graph of the mesh"
        onWheel={onWheel}
        onPointerDown={onPointerDown}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {graph.edges.map((edge) => (
          <Line key={`${edge.from} ${edge.to}`} edge={edge} places={places} selected={selected} />
        ))}
        {graph.nodes.map((node) => (
          <Node
            key={node.id}
            node={node}
            place={places.get(node.id)}
            selected={node.id === selected}
            onChoose={() => choose(node)}
          />
        ))}
      </svg>
    </div>
  );
}

interface LineProps {
  readonly edge: GraphEdge;
  readonly places: ReadonlyMap<string, Placed>;
  readonly selected: string;
}

function Line({ edge: { from, to, traffic }, places, selected }: LineProps) {
  const start = places.get(from);
  const end = places.get(to);
  if (start === undefined || end === undefined) return null;
  const isNear = selected === from || selected === to;
  const failing = traffic !== undefined && traffic.errorsPerSecond > traffic.requestsPerSecond * 0.01;
  const width = traffic === undefined ? 1.5 : Math.min(6, 1.5 + Math.log10(1 + traffic.requestsPerSecond));
  const classes = [
    'edge',
    isNear ? 'near' : '',
    failing ? 'failing' : '',
    traffic && traffic.mutual < 0.999 ? 'open' : '',
  ];
  return (
    <path
      class={classes.filter(Boolean).join(' ')}
      d={curve(start, end)}
      stroke-width={width}
      marker-end="url(#arrow)"
    />
  );
}

/** From the side of one to the side of the other. */
function curve(start: Placed, end: Placed): string {
  const forward = end.x >= start.x;
  const half = nodeSize.width / 2;
  const from = { x: start.x + (forward ? half : -half), y: start.y };
  const to = { x: end.x + (forward ? -half : half) + (forward ? -3 : 3), y: end.y };
  if (end.x === start.x) {
    const side = start.x + half;
    return `M${side} ${start.y}C${side + 50} ${start.y} ${side + 50} ${end.y} ${side + 3} ${end.y}`;
  }
  const middle = (from.x + to.x) / 2;
  return `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
}

interface NodeProps {
  readonly node: GraphNode;
  readonly place: Placed | undefined;
  readonly selected: boolean;
  readonly onChoose: () => void;
}

const longestName = 21;

function Node({ node, place, selected, onChoose }: NodeProps) {
  if (place === undefined) return null;
  const { width, height } = nodeSize;
  const { role, name, problems, mtls } = node;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onChoose();
  };
  return (
    <g
      class={`node ${role} ${selected ? 'selected' : ''} ${isDown(node) ? 'down' : ''}`}
      transform={`translate(${place.x} ${place.y})`}
      role="button"
      tabindex={0}
      aria-pressed={selected}
      onClick={onChoose}
      onKeyDown={onKeyDown}
    >
      <rect x={-width / 2} y={-height / 2} width={width} height={height} rx={6} />
      <text class="name" x={-width / 2 + 12} y={-3}>
        {name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name}
      </text>
      <text class="words" x={-width / 2 + 12} y={12}>
        {nodeWords(node)}
      </text>
      {mtls !== undefined && <MtlsMark mode={mtls} x={width / 2 - 16} />}
      {problems > 0 && (
        <circle class="problem" cx={width / 2 - 3} cy={-height / 2 + 3} r={5}>
          <title>{count(problems, 'problem')}</title>
        </circle>
      )}
    </g>
  );
}

/** A lock: closed for strict, open otherwise. */
const MtlsMark = ({ mode, x }: { readonly mode: string; readonly x: number }) => (
  <g class={`lock ${mode}`} transform={`translate(${x} 0)`}>
    <title>mutual TLS: {mode}</title>
    <rect x={-5} y={-2} width={10} height={8} rx={1.5} />
    <path d={mode === 'strict' ? 'M-3-2v-2a3 3 0 0 1 6 0v2' : 'M-3-2v-3a3 3 0 0 1 5.500-1.500'} />
  </g>
);

/** Whoever is sent there gets no answer. */
export const isDown = ({ role, healthy, endpoints }: GraphNode): boolean =>
  role === 'service' && endpoints > 0 && healthy === 0;

export function nodeWords({ role, healthy, endpoints, services, namespace }: GraphNode): string {
  if (role === 'gateway') return `gateway in ${namespace}`;
  if (role === 'namespace') return `${services} services, ${healthy}/${endpoints} up`;
  if (endpoints === 0) return `${namespace}, no endpoints`;
  return healthy === 0 ? `${namespace}, none of ${endpoints} up` : `${namespace}, ${healthy}/${endpoints} up`;
}
