import * as dagreModule from '@dagrejs/dagre';
import type { MapEdge, MapGraph, MapNode } from './graph.ts';

/** The part of dagre that is used. Its own types name files without an extension, which Node's resolution does not find. */
interface Drawing {
  setGraph(label: { readonly rankdir: 'LR'; readonly nodesep: number; readonly ranksep: number }): void;
  setDefaultEdgeLabel(label: () => object): void;
  setNode(id: string, label: { readonly width: number; readonly height: number }): void;
  setEdge(from: string, to: string): void;
  hasNode(id: string): boolean;
  nodes(): readonly string[];
  /** Its middle, once it is laid out. */
  node(id: string): { readonly x: number; readonly y: number };
}
const { graphlib, layout: dagre } = dagreModule as unknown as {
  readonly graphlib: { readonly Graph: new () => Drawing };
  readonly layout: (drawn: Drawing) => void;
};

export const BOX = { width: 172, height: 52 } as const;
/** `half`: between the parts of one column that was split. */
const GAP = { column: 56, row: 12, half: 16 } as const;
const MARGIN = 8;
/** The room for the heads of the columns. */
const HEAD = 28;
/** A column with more boxes is split, so that the map grows to the side as well. */
const MOST_ROWS = 12;
/** More columns of services than this are wider than a screen: they are packed then, in their order. */
const MOST_RANKS = 5;

export interface PlacedNode extends MapNode {
  /** The upper left corner. */
  readonly x: number;
  readonly y: number;
}
export interface PlacedEdge extends MapEdge {
  readonly path: string;
  /** The middle of the line. */
  readonly middle: readonly [x: number, y: number];
}
/** The left side of a column of parts, and the kind that begins there. */
interface Head {
  readonly kind: MapNode['kind'];
  readonly x: number;
}
export interface PlacedMap {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  /** None in a map of services. */
  readonly heads: readonly Head[];
}

const COLUMN = { service: 0, source: 0, topic: 1, consumer: 2, saga: 3, reconciler: 3 } as const;
const spanOf = (count: number): number => count * (BOX.height + GAP.row) - GAP.row;

/** Lays a map out from left to right (pure): dagre finds an order with few crossings, and the ranks of services. */
export function placeMap(graph: MapGraph): PlacedMap {
  const columns = columnsOf(graph);
  const top = MARGIN + (columns.some(({ head }) => head !== undefined) ? HEAD : 0);
  const tallest = spanOf(Math.max(1, ...columns.flatMap(({ parts }) => parts.map(({ length }) => length))));
  const nodes: PlacedNode[] = [];
  const heads: Head[] = [];
  let x = MARGIN;
  for (const { head, parts } of columns) {
    if (head !== undefined) heads.push({ kind: head, x });
    for (const part of parts) {
      const y = Math.round(top + (tallest - spanOf(part.length)) / 2);
      nodes.push(...part.map((node, row) => ({ ...node, x, y: y + row * (BOX.height + GAP.row) })));
      x += BOX.width + GAP.half;
    }
    x += GAP.column - GAP.half;
  }
  const placed = new Map(nodes.map((node) => [node.id, node]));
  return {
    width: x - GAP.column + MARGIN,
    height: top + tallest + MARGIN,
    nodes,
    edges: graph.edges.flatMap((edge) => placeEdge(edge, placed)),
    heads,
  };
}

interface MapColumn {
  readonly head: MapNode['kind'] | undefined;
  /** One, or several where it is too long. */
  readonly parts: readonly (readonly MapNode[])[];
}

function columnsOf(graph: MapGraph): readonly MapColumn[] {
  const ranks = ranksOf(graph);
  const rowOf = ({ id }: MapNode): number => ranks.get(id)?.y ?? Number.MAX_SAFE_INTEGER;
  const rankOf = ({ id }: MapNode): number => ranks.get(id)?.x ?? Number.MAX_SAFE_INTEGER;
  const byRow = (a: MapNode, b: MapNode): number => rowOf(a) - rowOf(b) || (a.name < b.name ? -1 : 1);
  const columnsBy = (column: (node: MapNode) => number): readonly (readonly MapNode[])[] =>
    [...Map.groupBy(graph.nodes, column)]
      .toSorted(([a], [b]) => a - b)
      .map(([, nodes]) => nodes.toSorted(byRow));
  if (!graph.nodes.every(({ kind }) => kind === 'service'))
    return columnsBy(({ kind }) => COLUMN[kind]).map((nodes) => ({
      head: nodes[0]?.kind,
      parts: partsOf(nodes, MOST_ROWS),
    }));
  const services = columnsBy(rankOf);
  const isWide = services.length > MOST_RANKS || services.some(({ length }) => length > MOST_ROWS);
  if (!isWide) return services.map((nodes) => ({ head: undefined, parts: [nodes] }));
  const all = services.flat();
  return [{ head: undefined, parts: partsOf(all, Math.ceil(all.length / MOST_RANKS)) }];
}

/** Finds the place of what is joined, by dagre; the rest has none. */
function ranksOf({
  nodes,
  edges,
}: MapGraph): ReadonlyMap<string, { readonly x: number; readonly y: number }> {
  const joined = new Set(edges.flatMap(({ from, to }) => [from, to]));
  if (joined.size === 0) return new Map();
  const drawn = new graphlib.Graph();
  drawn.setGraph({ rankdir: 'LR', nodesep: GAP.row, ranksep: GAP.column });
  drawn.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) if (joined.has(id)) drawn.setNode(id, { ...BOX });
  for (const { from, to } of edges) if (drawn.hasNode(from) && drawn.hasNode(to)) drawn.setEdge(from, to);
  dagre(drawn);
  return new Map(drawn.nodes().map((id) => [id, drawn.node(id)]));
}

function partsOf(nodes: readonly MapNode[], most: number): readonly (readonly MapNode[])[] {
  const count = Math.ceil(nodes.length / most);
  const size = Math.ceil(nodes.length / count);
  return Array.from({ length: count }, (_, index) => nodes.slice(index * size, (index + 1) * size));
}

/** A line from the right side of a box to the left side of another; one that goes back leaves below. */
function placeEdge(edge: MapEdge, placed: ReadonlyMap<string, PlacedNode>): PlacedEdge[] {
  const [from, to] = [placed.get(edge.from), placed.get(edge.to)];
  if (from === undefined || to === undefined) return [];
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = Math.max(26, Math.min(120, Math.abs(x2 - x1) / 2));
  const down = x2 < x1 ? BOX.height : 0;
  const path = `M${x1} ${y1} C${x1 + bend} ${y1 + down} ${x2 - bend} ${y2 + down} ${x2} ${y2}`;
  return [{ ...edge, path, middle: [Math.round((x1 + x2) / 2), Math.round((y1 + y2) / 2 + 0.75 * down)] }];
}
