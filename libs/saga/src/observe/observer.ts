import type { ReceivedEvent } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import { type ConsumerDefinition, defineConsumer } from '@convergekit/inbox';
import type { From } from '@convergekit/inbox/engine';
import { executorOf } from '@convergekit/postgres';
import { afterCommit } from '@convergekit/postgres/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Transaction } from 'kysely';
import { checkGraph } from '../declare/check-graph.ts';
import type { SagaDeclaration } from '../declare/declaration.ts';
import { firstFailure, NO_FACTS, evidenceInOrder, withFact } from './facts.ts';
import { lockInstance, writeInstance } from './instance-sql.ts';
import { type InstanceState, judge } from './judge.ts';
import { type Observed, sourcesOf } from './read-facts.ts';

export interface SagaObserverOptions {
  /** The sagas, in every version that may have open instances. */
  readonly sagas: readonly SagaDeclaration[];
  /** The name of the observer and of its Kafka group. @default 'saga-observer' */
  readonly name?: string;
  /** The start in topics that the observer has never read. @default 'earliest' */
  readonly from?: From;
  /** The time after which a saga without a deadline is late, in milliseconds. @default 86_400_000 (a day) */
  readonly withinMs?: number;
  /**
   * The time after its deadline in which a saga may still undo its steps. In milliseconds. @default 300_000 (5 minutes)
   */
  readonly graceMs?: number;
}

/**
 * A consumer of all topics of sagas that keeps one row per instance in converge.saga_instance. A row has the state, the
 * reason, and the facts of each step. The observer moves no saga. Neither the order of topics nor repeated events
 * matter.
 * @example
 * ```ts
 * import { consumerService, runServices, sagaObserver, sagaWatch } from 'convergekit/process';
 * import { broker, database, placeOrder, type ShopDb } from './shop.ts';
 *
 * const observer = sagaObserver<ShopDb>({ sagas: [placeOrder.declaration], from: 'first' });
 * await runServices([consumerService([observer], { database, broker }), sagaWatch({ database })]);
 * ```
 */
export function sagaObserver<DB>(options: SagaObserverOptions): ConsumerDefinition<DB> {
  const { sagas, name = 'saga-observer', from = 'earliest' } = options;
  checkGraph(sagas);
  return sourcesOf(sagas).reduce<ConsumerDefinition<DB>>(
    (consumer, { definition, read }) =>
      consumer.on(definition, { name: `${definition.topic}:${definition.type}` }, async (event, { tx }) => {
        for (const observed of read(event)) await observe(tx, options, observed, event);
      }),
    defineConsumer<DB>(name, { from }),
  );
}

async function observe<DB>(
  tx: Transaction<DB>,
  { withinMs = 86_400_000, graceMs = 300_000 }: SagaObserverOptions,
  { declaration, instance, fact }: Observed,
  event: Pick<ReceivedEvent, 'key' | 'headers'>,
): Promise<void> {
  const { name: saga, version, deadlineMs } = declaration;
  const executor = executorOf(tx);
  // A trace context, version-trace-span-flags, whose form was checked when the record was read.
  const traceId = event.headers[WIRE.traceparent]?.slice(3, 35) ?? null;
  const { key } = event;
  const row = await lockInstance(executor, { saga, instance, version, key, at: fact.evidence.at, traceId });
  const facts = withFact(row.facts ?? NO_FACTS, fact);
  const { state, reason, end } = judge(declaration, facts, row.expiredAt !== null);
  const ended = judge(declaration, row.facts ?? NO_FACTS, false).end === undefined ? end : undefined;
  const failedAt = firstFailure(facts)?.at;
  if (ended !== undefined)
    await afterCommit(tx, () => reportEnd({ saga, state, endedAt: ended.at, failedAt }));
  const [first] = evidenceInOrder(facts);
  const firstAt = first?.at ?? fact.evidence.at;
  const started = Date.parse(facts.start?.at ?? firstAt);
  const expiresAt = started + (deadlineMs === undefined ? withinMs : deadlineMs + graceMs);
  await writeInstance(executor, {
    saga,
    instance,
    // A start names no version; what follows does.
    version: fact.kind === 'start' ? row.version : version,
    state,
    reason: reason ?? null,
    facts: JSON.stringify(facts),
    startedAt: facts.start?.at ?? null,
    firstAt,
    failedAt: failedAt ?? null,
    endedAt: end?.at ?? null,
    expiresAt: new Date(expiresAt).toISOString(),
  });
}

/** A saga that has ended; times are those of the events, in ISO 8601. */
interface EndedSaga {
  readonly saga: string;
  readonly state: InstanceState;
  readonly endedAt: string;
  /** The first failure of a step. Undefined: no step failed. */
  readonly failedAt: string | undefined;
}

/** Counts a saga that has ended, and records how long it took from its first failure on. */
function reportEnd({ saga, state, endedAt, failedAt }: EndedSaga): void {
  const labels = { [attributeNames.saga]: saga, [attributeNames.state]: state };
  instruments().sagaEnded.add(1, labels);
  if (failedAt === undefined) return;
  // The clocks of two services may differ by more than the recovery took.
  const tookMs = Math.max(0, Date.parse(endedAt) - Date.parse(failedAt));
  instruments().sagaRecovery.recordMs(tookMs, labels);
}
