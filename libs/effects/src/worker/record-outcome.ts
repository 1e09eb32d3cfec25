import { contextHeaders, type EventContext } from '@convergekit/contracts/engine';
import type { DomainEvent } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import type { AppendEvent } from '@convergekit/outbox/engine';
import { createOutbox } from '@convergekit/outbox';
import { type Executor, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { deterministicUuid, failpoint } from '@convergekit/core/engine';
import { inject } from '@convergekit/telemetry/engine';
import type { Effect, Revived } from '../effect/types.ts';
import type { Cause, ClaimedWork, Outcome } from '../work/work.ts';
import type { ResolvedOptions } from './options.ts';
import { type AttemptsMade, writeOutcome } from './outcome-sql.ts';

/** The events carry ids of their own, so the outbox needs no declaration. */
const outbox = createOutbox([]);

/** The error of a lost claim: another worker holds it, and nothing may be written. */
class ClaimLost extends Error {}

/**
 * Records the outcome and its reactions in one transaction. The row is closed, if it is still claimed, and the effect's
 * own row is locked; then the effect's own code runs; then its events are appended. False = the claim was lost, nothing
 * was written. Rejects when the effect's code or the database failed: nothing was written either.
 */
export async function recordOutcome<DB>(
  { database, clock, random }: ResolvedOptions<DB>,
  { effect, revived }: { readonly effect: Pick<Effect<DB>, 'lockSql'>; readonly revived: Revived<DB> },
  work: ClaimedWork,
  outcome: Outcome,
  made: AttemptsMade,
): Promise<boolean> {
  try {
    await kyselyTransaction(database.db, { clock, random }, async (tx) => {
      const executor = executorOf(tx);
      const closed = await writeOutcome(executor, work, outcome, made, effect.lockSql);
      if (closed === undefined) throw new ClaimLost();
      const { idempotencyKey, key } = work;
      const attempts = [...work.story, ...made.attempts];
      await emitting(executor, work, outcome.kind, async (emit) => {
        const context = { tx, emit, idempotencyKey, key, attempts, locked: closed.locked };
        if (outcome.kind === 'succeeded') await revived.succeeded(outcome.result, context);
        else await revived.failed(outcome.failure, context);
      });
      failpoint('saga.before_commit');
    });
    failpoint('saga.after_commit');
    return true;
  } catch (error) {
    if (error instanceof ClaimLost) return false;
    throw error;
  }
}

/** Runs `fn` and appends the emitted events in the same transaction. */
export async function emitting<T>(
  executor: Executor,
  work: Asker,
  kind: Outcome['kind'],
  run: (emit: (event: DomainEvent, as?: EmitAs) => void) => Promise<T>,
): Promise<T> {
  const emitted = new EffectEvents(work, kind);
  const result = await run((event, as) => emitted.add(event, as));
  const events = emitted.close();
  if (events.length > 0) await outbox.append(executor, events);
  return result;
}

/** The work in whose name something is emitted. */
type Asker = Pick<ClaimedWork, 'consumer' | 'handler' | 'id' | 'cause'>;

/**
 * The ids of events derive from consumer, handler, phase, incoming event, effect and index. A retried recording emits
 * the same facts.
 */
class EffectEvents {
  readonly #work: Asker;
  readonly #phase: 'apply' | 'failure';
  readonly #events: AppendEvent[] = [];
  #open = true;

  constructor(work: Asker, kind: Outcome['kind']) {
    this.#work = work;
    this.#phase = kind === 'succeeded' ? 'apply' : 'failure';
  }

  add(event: DomainEvent, as: EmitAs = {}): void {
    const { consumer, handler, id: intent, cause } = this.#work;
    const { type, version, topic, key, payload } = event;
    if (!this.#open)
      throw new TypeError(`${type} was emitted after its transaction had ended: await everything that emits`);
    const headers = contextHeaders(event, contextOf(cause, as));
    inject(headers);
    const id = as.id ?? deterministicUuid(consumer, handler, this.#phase, 0, intent, this.#events.length);
    this.#events.push({ id, type, version, topic, key, payload, headers });
  }

  close(): readonly AppendEvent[] {
    this.#open = false;
    return this.#events;
  }
}

function contextOf({ correlationId, eventId, hops, deadline, ...of }: Cause, as: EmitAs): EventContext {
  const { saga = of.saga, attemptId = of.attemptId } = as;
  return {
    ...{ correlationId, causationId: eventId, hops },
    ...(deadline === undefined ? {} : { deadline: new Date(deadline) }),
    ...(saga === undefined ? {} : { saga }),
    ...(attemptId === undefined ? {} : { attemptId }),
  };
}
