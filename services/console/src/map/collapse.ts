import { plural, withQuery } from '../layout/parts.ts';
import type { MapEdge, MapGraph, MapNode } from './graph.ts';
import { type Concern, stateOf } from './state.ts';

/** A map with more parts than this is shown by service at first. */
export const MOST_PARTS = 25;

/** Collapses the map to one node a service: what flows between two of them is one line. Pure. */
export function byService({ nodes, edges }: MapGraph, concerns: readonly Concern[]): MapGraph {
  const all = Map.groupBy(nodes, ({ database }) => database ?? undefined);
  all.delete(undefined);
  const serviceOf = new Map(nodes.map(({ id, database }) => [id, database]));
  const lines = new Map<string, MapEdge>();
  for (const into of edges.filter(({ from }) => from.startsWith('source/')))
    for (const out of edges.filter(({ from }) => from === into.to)) {
      const [from, to] = [serviceOf.get(into.from), serviceOf.get(out.to)];
      if (from == null || to == null || from === to) continue;
      const key = `${from}\0${to}`;
      const before = lines.get(key);
      const topics = [...new Set([...(before?.topics ?? []), ...out.topics])];
      // A consumer may read several sources of a topic: no more flows than this one wrote.
      const perSecond = (before?.perSecond ?? 0) + Math.min(into.perSecond, out.perSecond);
      lines.set(key, { from: `service/${from}`, to: `service/${to}`, perSecond, topics });
    }
  return {
    nodes: [...all].map(([database = '', own]) =>
      serviceNode(
        database,
        own,
        concerns.filter((one) => one.database === database),
      ),
    ),
    edges: [...lines.values()],
  };
}

function serviceNode(database: string, parts: readonly MapNode[], own: readonly Concern[]): MapNode {
  const lags = parts.flatMap(({ lag }) => lag ?? []);
  const act = own.filter(({ severity }) => severity === 'act').length;
  const late = own.filter((one) => stateOf([one]) === 'waits').length;
  const notes = [
    act === 0 ? '' : `${act} ${act === 1 ? 'needs' : 'need'} you`,
    late === 0 ? '' : `${late} late`,
  ];
  return {
    id: `service/${database}`,
    kind: 'service',
    name: database,
    database,
    // A part that is paused does not pause its service.
    state: act > 0 ? 'needs' : late > 0 ? 'waits' : 'ok',
    note: notes.filter((note) => note !== '').join(', ') || `${parts.length} ${plural(parts.length, 'part')}`,
    perSecond: sum(parts.map(({ perSecond }) => perSecond)),
    lag: lags.length === 0 ? null : sum(lags),
    parkedKeys: sum(parts.map(({ parkedKeys }) => parkedKeys)),
    href: withQuery('/map', { service: database }),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Leaves the chosen nodes, and those that are joined to them, over a topic or directly. Pure. */
export function around({ nodes, edges }: MapGraph, isChosen: (node: MapNode) => boolean): MapGraph {
  const kept = new Set(nodes.filter(isChosen).map(({ id }) => id));
  const isTopic = (id: string): boolean => id.startsWith('topic/');
  for (const through of [() => true, isTopic]) {
    const near = new Set(kept);
    for (const { from, to } of edges) {
      if (near.has(from) && through(from)) kept.add(to);
      if (near.has(to) && through(to)) kept.add(from);
    }
  }
  return {
    nodes: nodes.filter(({ id }) => kept.has(id)),
    edges: edges.filter(({ from, to }) => kept.has(from) && kept.has(to)),
  };
}
