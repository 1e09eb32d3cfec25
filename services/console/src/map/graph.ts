import { conditionOf } from '@convergekit/operate';
import { z } from 'zod';
import { plural, withQuery } from '../layout/parts.ts';
import { driftPath } from '../links.ts';
import type { ConsumerFacts, ReconcilerFacts, ServiceFacts } from './facts.ts';
import { type Concern, stateOf, worst } from './state.ts';

export const nodeSchema = z.object({
  id: z.string(),
  kind: z.enum(['service', 'source', 'topic', 'consumer', 'saga', 'reconciler']),
  name: z.string(),
  /** The database of its service; null: a topic or a saga belongs to none. */
  database: z.string().nullable(),
  state: z.enum(['ok', 'waits', 'needs', 'off']),
  /** What a person should know of it, in a few words; empty: it is at rest. */
  note: z.string(),
  /** Published, applied or compared in a second, over the last minute. */
  perSecond: z.number(),
  /** Events that wait for it; null = not known. */
  lag: z.number().nullable(),
  parkedKeys: z.number(),
  href: z.string(),
});
export const edgeSchema = z.object({
  from: z.string(),
  to: z.string(),
  perSecond: z.number(),
  /** The topics that flow over it. */
  topics: z.array(z.string()),
});

export type MapNode = z.output<typeof nodeSchema>;
export type MapEdge = z.output<typeof edgeSchema>;
export interface MapGraph {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

/** The sides of a declared reconciler, by the names of their databases. */
interface ReconcilerSides {
  readonly name: string;
  readonly desired: string;
  readonly actual: string;
}

export interface MapParts {
  readonly services: readonly ServiceFacts[];
  readonly concerns: readonly Concern[];
  /** The names of declared sagas: those without an open instance are on the map as well. */
  readonly sagas: readonly string[];
  readonly reconcilers: readonly ReconcilerSides[];
}

/** Makes the map of all parts: sources, topics, consumers, sagas and reconcilers. Pure. */
export function graphOf({ services, concerns, sagas, reconcilers }: MapParts): MapGraph {
  const sagaNames = [
    ...new Set([...sagas, ...services.flatMap((one) => one.sagas.map(({ name }) => name))]),
  ].toSorted();
  const flows = [...flowsOf(services), ...sagaEdges(services, sagaNames)];
  const nodes: readonly MapNode[] = [
    ...services.flatMap((service) => serviceNodes(service, concerns)),
    ...topicNodes(services, flows, concerns),
    ...sagaNames.map((name) => sagaNode(name, services, concerns)),
  ];
  const known = new Set(nodes.map(({ id }) => id));
  const compared = reconcilers.map(({ name, desired, actual }) => ({
    from: `source/${desired}`,
    to: `reconciler/${actual}/${name}`,
    perSecond: 0,
    topics: [],
  }));
  return {
    nodes,
    edges: [...flows, ...compared].filter(({ from, to }) => known.has(from) && known.has(to)),
  };
}

/** The lines from sources to topics, and from topics to consumers. */
function flowsOf(services: readonly ServiceFacts[]): readonly MapEdge[] {
  const shown = shownTopics(services);
  const edge = (topic: string, line: Pick<MapEdge, 'from' | 'to' | 'perSecond'>): MapEdge[] =>
    shown.has(topic) ? [{ ...line, topics: [topic] }] : [];
  return services.flatMap((service) => {
    const { database, source, consumers } = service;
    const sent = (source?.topics ?? []).flatMap((topic) =>
      edge(topic, {
        from: `source/${database}`,
        to: `topic/${topic}`,
        perSecond: rateOf(service, 'relay', 'relay', topic),
      }),
    );
    const read = consumers.flatMap(({ name, topics }) =>
      topics.flatMap((topic) =>
        edge(topic, {
          from: `topic/${topic}`,
          to: `consumer/${database}/${name}`,
          perSecond: rateOf(service, 'consumer', name, topic),
        }),
      ),
    );
    return [...sent, ...read];
  });
}

/** All topics but those of failures, which go back to the steps before: they would double each line. */
function shownTopics(services: readonly ServiceFacts[]): ReadonlySet<string> {
  const failures = new Set(services.flatMap((one) => one.consumers.map(({ name }) => `${name}.failures`)));
  const all = services.flatMap(({ source, consumers }) => [
    ...(source?.topics ?? []),
    ...consumers.flatMap(({ topics }) => topics),
  ]);
  return new Set(all.filter((topic) => !failures.has(topic)));
}

/** The lines from consumers to the sagas whose steps they take: their handlers are named `<saga>.<step>`. */
function sagaEdges(services: readonly ServiceFacts[], sagas: readonly string[]): readonly MapEdge[] {
  return services.flatMap(({ database, consumers }) =>
    consumers.flatMap(({ name, handlers }) =>
      sagas
        .filter((saga) => handlers.some((handler) => handler.startsWith(`${saga}.`)))
        .map((saga) => ({
          from: `consumer/${database}/${name}`,
          to: `saga/${saga}`,
          perSecond: 0,
          topics: [],
        })),
    ),
  );
}

function serviceNodes(service: ServiceFacts, concerns: readonly Concern[]): readonly MapNode[] {
  const own = concerns.filter(({ database }) => database === service.database);
  return [
    ...(service.source === undefined ? [] : [sourceNode(service, own)]),
    ...service.consumers.map((consumer) => consumerNode(service, consumer, own)),
    ...service.reconcilers.map((reconciler) => reconcilerNode(service, reconciler, own)),
  ];
}

function sourceNode(service: ServiceFacts, own: readonly Concern[]): MapNode {
  const { database, source } = service;
  const leads = source?.leads === true;
  return {
    id: `source/${database}`,
    kind: 'source',
    name: database,
    database,
    // A topic that is held is red itself.
    state: worst(
      leads ? 'ok' : 'off',
      stateOf(
        own.filter(({ alarm, about }) => conditionOf(alarm)?.noun === 'source' && about.topic === undefined),
      ),
    ),
    note: leads ? '' : 'no relay leads',
    perSecond: rateOf(service, 'relay', 'relay', null),
    lag: lagOf(service, 'relay', 'relay'),
    parkedKeys: 0,
    href: withQuery('/consumers', { database }),
  };
}

function consumerNode(
  service: ServiceFacts,
  { name, parkedKeys, halted, paused, waits }: ConsumerFacts,
  own: readonly Concern[],
): MapNode {
  const notes = [
    halted > 0 ? `${halted} halted` : '',
    paused > 0 ? 'paused' : '',
    parkedKeys > 0 ? `${parkedKeys} ${plural(parkedKeys, 'key')} parked` : '',
    waits > 0 ? `${waits} ${waits === 1 ? 'partition waits' : 'partitions wait'}` : '',
  ];
  return {
    id: `consumer/${service.database}/${name}`,
    kind: 'consumer',
    name,
    database: service.database,
    state: worst(paused > 0 ? 'off' : 'ok', stateOf(own.filter(({ about }) => about.consumer === name))),
    note: notes.filter((note) => note !== '').join(', '),
    perSecond: rateOf(service, 'consumer', name, null),
    lag: lagOf(service, 'consumer', name),
    parkedKeys,
    href: withQuery('/consumers', { database: service.database, consumer: name }),
  };
}

function reconcilerNode(
  service: ServiceFacts,
  { name, held, paused, unresolved }: ReconcilerFacts,
  own: readonly Concern[],
): MapNode {
  const keys = unresolved === 0 ? '' : `${unresolved} ${plural(unresolved, 'key')} to decide`;
  return {
    id: `reconciler/${service.database}/${name}`,
    kind: 'reconciler',
    name,
    database: service.database,
    state: worst(paused ? 'off' : 'ok', stateOf(own.filter(({ about }) => about.reconciler === name))),
    note: held ? 'repairs are held' : paused ? 'paused' : keys,
    perSecond: rateOf(service, 'reconciler', name, null),
    lag: null,
    parkedKeys: 0,
    href: driftPath(service.database, name),
  };
}

/** The topics, each with the rate at which it is written. */
function topicNodes(
  services: readonly ServiceFacts[],
  flows: readonly MapEdge[],
  concerns: readonly Concern[],
): readonly MapNode[] {
  return [...shownTopics(services)].map((name) => {
    const id = `topic/${name}`;
    const state = stateOf(
      concerns.filter(({ about }) => about.topic === name && about.consumer === undefined),
    );
    return {
      id,
      kind: 'topic',
      name,
      database: null,
      state,
      note: state === 'needs' ? 'held' : '',
      perSecond: flows.reduce((sum, { to, perSecond }) => (to === id ? sum + perSecond : sum), 0),
      lag: null,
      parkedKeys: 0,
      href: withQuery('/tail', { topic: name }),
    };
  });
}

function sagaNode(name: string, services: readonly ServiceFacts[], concerns: readonly Concern[]): MapNode {
  const own = services.flatMap(({ sagas }) => sagas.filter((saga) => saga.name === name));
  const open = own.reduce((sum, saga) => sum + saga.open, 0);
  const stuck = own.reduce((sum, saga) => sum + saga.stuck, 0);
  // A saga, or a step of it.
  const isOf = (what = ''): boolean => what === name || what.startsWith(`${name}.`);
  const about = concerns.filter(({ alarm, about: of }) => !/^calls?_/.test(alarm) && isOf(of.name));
  return {
    id: `saga/${name}`,
    kind: 'saga',
    name,
    database: null,
    state: stateOf(about),
    note: stuck > 0 ? `${stuck} stuck of ${open} open` : open > 0 ? `${open} open` : '',
    perSecond: 0,
    lag: null,
    parkedKeys: 0,
    href: withQuery('/sagas', { saga: name }),
  };
}

function rateOf(service: ServiceFacts, part: string, name: string, topic: string | null): number {
  const found = service.rates.find((one) => one.part === part && one.name === name && one.topic === topic);
  return found?.perSecond ?? 0;
}

function lagOf(service: ServiceFacts, part: string, name: string): number | null {
  return service.lags.find((one) => one.part === part && one.name === name)?.lag ?? null;
}
