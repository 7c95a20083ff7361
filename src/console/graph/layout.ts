// Where the nodes of a graph stand: columns from who calls to who is called, and within them wherever their neighbours
// pull. The same graph is laid out the same, and a node that was there before stays near its place.
import { forceCollide, forceLink, forceSimulation, forceX, forceY } from 'd3-force';

import type { Graph } from '../../admin/console/api.ts';

export interface Placed {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

interface Body {
  readonly id: string;
  readonly column: number;
  x: number;
  y: number;
}

export const nodeSize = { width: 170, height: 40 };
const columnWidth = 250;
/** Of columns and rows of one column that is set in several. */
const partWidth = 190;
const rowHeight = 54;
const mostRows = 14;
/** Further columns would leave the picture; a long chain goes on in the last. */
const mostColumns = 6;
/** Nodes without any line stand in rows beside. */
const rowLength = 4;
/** Of a small graph many, of a large one enough to put each column in order: how far apart its nodes are is decided after. */
const roundsOf = (nodes: number): number => Math.round(Math.min(200, Math.max(40, 4000 / nodes)));

export function layout(graph: Graph, before: ReadonlyMap<string, Placed>): ReadonlyMap<string, Placed> {
  const linked = new Set(graph.edges.flatMap(({ from, to }) => [from, to]));
  const columns = columnsOf(graph);
  const connected = graph.nodes.filter(({ id }) => linked.has(id));
  const bodies = connected.map(({ id }, i): Body => {
    const column = columns.get(id) ?? 0;
    return { id, column, x: column * columnWidth, y: before.get(id)?.y ?? (i % 7) * 60 };
  });
  const rounds = roundsOf(bodies.length);
  forceSimulation(bodies)
    .randomSource(repeatable())
    .alphaDecay(1 - 0.001 ** (1 / rounds))
    .force('x', forceX<Body>(({ column }) => column * columnWidth).strength(1))
    .force('y', forceY<Body>(0).strength(0.04))
    .force(
      'link',
      forceLink<Body, { source: string; target: string }>(
        graph.edges.map(({ from, to }) => ({ source: from, target: to })),
      )
        .id(({ id }) => id)
        .distance(columnWidth)
        .strength(0.15),
    )
    .force('apart', forceCollide<Body>(nodeSize.height * 0.72).strength(1))
    .stop()
    .tick(rounds);
  const placed = spread(bodies);
  const bottom = Math.max(-80, ...[...placed.values()].map(({ y }) => y)) + 80;
  const single = graph.nodes.filter(({ id }) => !linked.has(id));
  for (const [i, { id }] of single.entries())
    placed.set(id, { id, x: (i % rowLength) * (nodeSize.width + 24), y: bottom + Math.floor(i / rowLength) * 58 });
  return placed;
}

/** In the order that the forces found, far enough apart to be read; a column that grows too long is set in several. */
function spread(bodies: readonly Body[]): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  let x = 0;
  for (let column = 0; column < mostColumns; column++) {
    const own = bodies.filter((body) => body.column === column).toSorted((a, b) => a.y - b.y);
    if (own.length === 0) continue;
    const parts = Math.ceil(own.length / mostRows);
    const ys = apart(own.filter((_, i) => i % parts === 0).map(({ y }) => y));
    for (const [i, { id }] of own.entries())
      placed.set(id, { id, x: x + (i % parts) * partWidth, y: ys[Math.floor(i / parts)] ?? 0 });
    x += columnWidth + (parts - 1) * partWidth;
  }
  return placed;
}

/** Ascending numbers moved apart, around the same middle. */
function apart(ys: readonly number[]): readonly number[] {
  const moved: number[] = [];
  for (const y of ys) moved.push(Math.max(y, (moved.at(-1) ?? -Infinity) + rowHeight));
  const shift = (sum(ys) - sum(moved)) / Math.max(1, ys.length);
  return moved.map((y) => y + shift);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The longest way there from who is called by nobody; around circles only so far. */
function columnsOf({ nodes, edges }: Graph): ReadonlyMap<string, number> {
  const columns = new Map(nodes.map(({ id }) => [id, 0]));
  for (let round = 1; round < mostColumns; round++) {
    let moved = false;
    for (const { from, to } of edges) {
      const wanted = Math.min(mostColumns - 1, (columns.get(from) ?? 0) + 1);
      if (wanted <= (columns.get(to) ?? 0) || wanted > round) continue;
      columns.set(to, wanted);
      moved = true;
    }
    if (!moved) break;
  }
  return columns;
}

/** A picture that jumps with every look would be no help. */
function repeatable(): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
