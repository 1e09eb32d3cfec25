import { z } from 'zod';
import type { Gathered } from '../databases.ts';
import type { ConsoleContext } from '../screen.ts';
import { around, byService, MOST_PARTS } from './collapse.ts';
import { edgeSchema, graphOf, type MapGraph, type MapNode, nodeSchema } from './graph.ts';
import type { ServiceFacts } from './facts.ts';
import { readFacts } from './read-facts.ts';
import type { Concern } from './state.ts';

export const mapInput = z.object({
  /** Its parts, and what is joined to them. */
  service: z.string().optional(),
  /** The parts whose name or database contains it, and what is joined to them. */
  q: z.string().optional(),
  view: z.enum(['parts', 'services']).optional(),
});
export type MapInput = z.output<typeof mapInput>;

export const mapSchema = z.object({
  nodes: z.array(nodeSchema),
  edges: z.array(edgeSchema),
  /** The whole map has more than some parts: it is shown by service, unless the parts are asked for. */
  shown: z.enum(['parts', 'services']),
  service: z.string().nullable(),
  q: z.string().nullable(),
});
export type MapView = z.output<typeof mapSchema>;

/** Reads the facts of each database, side by side. */
export function gatherFacts(
  { databases }: Pick<ConsoleContext, 'databases'>,
  only?: string,
): Promise<Gathered<ServiceFacts>> {
  return databases.gather(async (executor, name) => [await readFacts(executor, name)], only);
}

/** Makes the map from the facts and the list of what needs an operator. */
export async function mapFrom(
  { declared }: Pick<ConsoleContext, 'declared'>,
  services: readonly ServiceFacts[],
  concerns: readonly Concern[],
  input: MapInput = {},
): Promise<z.input<typeof mapSchema>> {
  // Modules that cannot be loaded are named by the pages that need them; the map has what runs.
  const [sagas, reconcilers] = await Promise.all([
    declared.sagas().catch(() => []),
    declared.reconcilers().catch(() => []),
  ]);
  const graph = graphOf({
    services,
    concerns,
    sagas: sagas.map(({ name }) => name),
    reconcilers: reconcilers.map(({ name, desired, actual }) => ({
      name,
      desired: desired.in,
      actual: actual.in,
    })),
  });
  const { graph: found, shown } = chosenMap(graph, concerns, input);
  return {
    nodes: [...found.nodes],
    edges: [...found.edges],
    shown,
    service: input.service ?? null,
    q: input.q ?? null,
  };
}

/** Chooses what of the map is shown: around a service or what is searched for, else all of it. Pure. */
export function chosenMap(
  graph: MapGraph,
  concerns: readonly Concern[],
  { service, q = '', view }: MapInput,
): { readonly graph: MapGraph; readonly shown: MapView['shown'] } {
  if (service !== undefined)
    return { graph: around(graph, ({ database }) => database === service), shown: 'parts' };
  const text = q.trim().toLowerCase();
  if (text !== '') {
    const isNamed = (name: string | null): boolean => name?.toLowerCase().includes(text) === true;
    const isChosen = ({ name, database }: MapNode): boolean => isNamed(name) || isNamed(database);
    return { graph: around(graph, isChosen), shown: 'parts' };
  }
  const shown = view ?? (graph.nodes.length > MOST_PARTS ? 'services' : 'parts');
  return { graph: shown === 'parts' ? graph : byService(graph, concerns), shown };
}
