import { ConvergeError } from '@convergekit/core';
import { type WorkerCall, callsOf, sagaObserver } from '@convergekit/saga';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { includedSteps } from '@convergekit/saga/engine';
import type { AnyConsumer, AnySaga, ServiceDefinition } from './definition.ts';

/** A set of tables of the kit. */
export type Tables = 'outbox' | 'relay' | 'inbox' | 'saga' | 'reconcile';

/** What a service runs, derived from its declaration. */
export interface Plan<DB> {
  /** The declared consumers, and the observer of the sagas. */
  readonly consumers: readonly ConsumerDefinition<DB>[];
  /** The work of the worker: the calls that the consumers declare, and that of their saga steps. */
  readonly effects: readonly WorkerCall<DB>[];
  readonly needsBroker: boolean;
  /** Whether the relay of the database runs in the process. */
  readonly relays: boolean;
  /** What an operator should know of the declaration: it runs, and may not do what was meant. */
  readonly notes: readonly string[];
  /** The tables of the kit that the service's own database needs. */
  readonly tables: readonly Tables[];
  /** The topics that its consumers read, each once. */
  readonly reads: readonly string[];
  /** The topics in which it declares events, and those of its consumers' failures, each once. */
  readonly writes: readonly string[];
  /** What other services must do for this one: write events in topics, and run consumers whose failures it handles. */
  readonly others: { readonly topics: readonly string[]; readonly consumers: readonly string[] };
  /** The topics that the service reads or writes, each once. */
  readonly topics: readonly string[];
}

/** The parts of a declaration on which the plan depends. */
export type Planned = Pick<
  ServiceDefinition<never, never>,
  'sagas' | 'workflows' | 'reconcilers' | 'emits' | 'relay'
> & {
  readonly parts?: unknown;
  readonly http?: unknown;
  readonly tuning?: { readonly observer?: object };
};

/** Derives what a service runs (pure). Throws SERVICE_INVALID with what, why and the fix. */
export function planOf<DB>(name: string, declared: Planned, given: readonly AnyConsumer[]): Plan<DB> {
  const { sagas = [], workflows = [], reconcilers = [], emits = [] } = declared;
  checkName(name);
  // Each consumer knows its own tables; all of them are in the database of the service.
  const own = given as readonly ConsumerDefinition<DB>[];
  const effects = callsOf(...own);
  checkSteps(name, sagas, own);
  const consumers = [...own, ...observers<DB>(name, declared)];
  const nothing = [consumers, effects, workflows, reconcilers].every(({ length }) => length === 0);
  const relays = declared.relay ?? (consumers.length > 0 || emits.length > 0);
  if (nothing && !relays && declared.parts === undefined && declared.http === undefined)
    throw invalid(name, 'it has nothing to run', 'give it consumers, reconcilers, a relay, http or parts');
  const events = [...own.flatMap((one) => includedSteps(one).flatMap((step) => step.emits)), ...emits];
  const reads = [...new Set(consumers.flatMap(({ topics }) => topics))];
  const handled = own.flatMap(({ subscriptions }) => subscriptions);
  const writes = [
    ...new Set([...consumers.map(({ failureTopic }) => failureTopic), ...events.map(({ topic }) => topic)]),
  ];
  return {
    consumers,
    effects,
    needsBroker: consumers.length > 0 || relays,
    relays,
    notes: own.flatMap(orderNotes),
    tables: [
      ...(nothing && emits.length === 0 && !relays ? [] : ['outbox' as const]),
      ...(relays ? ['relay' as const] : []),
      ...(consumers.length > 0 ? ['inbox' as const] : []),
      ...(effects.length > 0 || workflows.length > 0 || sagas.length > 0 ? ['saga' as const] : []),
      ...(reconcilers.some(({ actual }) => actual.in === name) ? ['reconcile' as const] : []),
    ],
    reads,
    writes,
    others: {
      topics: [...new Set(handled.filter(({ kind }) => kind !== 'failure').map(({ topic }) => topic))].filter(
        (topic) => !writes.includes(topic),
      ),
      consumers: [...new Set(handled.flatMap(({ failuresOf }) => failuresOf ?? []))].filter((failing) =>
        own.every((consumer) => consumer.name !== failing),
      ),
    },
    topics: [...new Set([...reads, ...writes])],
  };
}

function orderNotes<DB>(consumer: ConsumerDefinition<DB>): readonly string[] {
  return topicsOfOneKey(consumer.subscriptions).map(
    (topics) =>
      `consumer ${consumer.name} handles events of one kind of key from ${topics.join(', ')}: their order holds within each topic, not between them; give an aggregate one topic where the order matters`,
  );
}

/**
 * Finds topics whose events a consumer handles under one kind of key: the order of a key holds within each topic, not between
 * them. Events have one kind of key when their definitions compute it by the same code. Steps of sagas and failure handlers do
 * not depend on the order, and are left out.
 */
function topicsOfOneKey<DB>(
  subscriptions: ConsumerDefinition<DB>['subscriptions'],
): readonly (readonly string[])[] {
  const keyed = subscriptions.flatMap(({ topic, keyedBy }) =>
    keyedBy === undefined ? [] : [{ topic, keyedBy }],
  );
  const kinds = Map.groupBy(keyed, ({ keyedBy }) => keyedBy);
  return [...kinds.values()]
    .map((own) => [...new Set(own.map(({ topic }) => topic))])
    .filter(({ length }) => length > 1);
}

function observers<DB>(
  name: string,
  { sagas = [], tuning }: Pick<Planned, 'sagas' | 'tuning'>,
): readonly ConsumerDefinition<DB>[] {
  // Its name is its group: two services that observe sagas must not share one.
  return sagas.length === 0
    ? []
    : [
        sagaObserver<DB>({
          name: `${name}.observer`,
          ...tuning?.observer,
          sagas: sagas.map(({ declaration }) => declaration),
        }),
      ];
}

function checkName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw invalid(
      name,
      'its name does not fit Kafka groups and Postgres',
      'use lower-case letters, digits, dots and dashes, at most 63',
    );
}

/** A consumer of this process must have every step that an observed saga declares for it. */
function checkSteps<DB>(
  name: string,
  sagas: readonly AnySaga[],
  consumers: readonly ConsumerDefinition<DB>[],
): void {
  const place = ({ saga, version, name: step }: { saga: string; version: number; name: string }): string =>
    `saga ${saga} v${version}, step ${step}`;
  for (const consumer of consumers) {
    const here = new Set(includedSteps(consumer).map(place));
    const missing = sagas
      .flatMap(({ declaration: { stages } }) => stages.flatMap(({ steps }) => steps))
      .find((step) => step.by === consumer.name && !here.has(place(step)));
    if (missing !== undefined)
      throw invalid(
        name,
        `${place(missing)} is declared by ${consumer.name}, which has no handlers for it, so the saga would wait there for ever`,
        `include step(…) of it in consumer ${consumer.name}`,
      );
  }
}

function invalid(name: string, what: string, fix: string): ConvergeError {
  return new ConvergeError(`service ${name} cannot start: ${what}; ${fix}`, {
    code: 'SERVICE_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
