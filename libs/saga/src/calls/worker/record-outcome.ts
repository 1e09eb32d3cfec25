import { contextHeaders, type EventContext } from '@convergekit/contracts/engine';
import type { DomainEvent } from '@convergekit/contracts';
import { type EmitAs, Gathered } from '@convergekit/inbox/engine';
import { type AppendEvent, createEngineOutbox, nameRefusal } from '@convergekit/outbox/engine';
import { type Executor, executorOf } from '@convergekit/postgres';
import {
  awaitedStatements,
  failedWithCommit,
  guardOf,
  kyselyTransaction,
} from '@convergekit/postgres/engine';
import { deterministicUuid, failpoint, runCode } from '@convergekit/core/engine';
import { inject } from '@convergekit/telemetry/engine';
import type { WorkerCall, OutcomeContext, Revived } from '../work/worker-call.ts';
import { type Cause, type ClaimedWork, continueStory, endedWork, type Outcome } from '../work/work.ts';
import type { ResolvedOptions } from './options.ts';
import { type AttemptsMade, closeWorks, writeWork } from './outcome-sql.ts';

/** The events carry ids of their own, so the outbox needs no declaration. */
const outbox = createEngineOutbox([]);

/** A known outcome, and what reacts to it. */
export interface Recording<DB> {
  readonly work: ClaimedWork;
  readonly outcome: Outcome;
  readonly made: AttemptsMade;
  readonly call: Pick<WorkerCall<DB>, 'name' | 'lockSql' | 'grouped'>;
  readonly revived: Revived<DB>;
  /** Runs a function in the context in which the outcome became known, for traces. */
  readonly inContext: <T>(run: () => T) => T;
}

type Recorder<DB> = Pick<ResolvedOptions<DB>, 'database' | 'clock' | 'random' | 'log'>;

/**
 * Records outcomes of one call and their reactions in one transaction. The rows are closed, if they are still claimed,
 * and the call's own rows are locked; then the call's own code runs; then its events are appended. Returns the ids of
 * the recorded works: the claims of the others were lost. Rejects when the call's code or the database failed: nothing
 * was written.
 */
export async function recordOutcomes<DB>(
  { database, clock, random, log }: Recorder<DB>,
  recordings: readonly Recording<DB>[],
): Promise<ReadonlySet<string>> {
  try {
    const recorded = await kyselyTransaction(database.db, { clock, random }, async (tx) => {
      const closed = await closeAll(executorOf(tx), recordings);
      failpoint('saga.after_close');
      const gathered = new Gathered(tx);
      const events: AppendEvent[] = [];
      for (const recording of recordings) {
        const { id } = recording.work;
        if (!closed.has(id)) continue;
        const react = (): Promise<readonly AppendEvent[]> =>
          reaction(recording, { tx, gathered, locked: closed.get(id) }, log);
        events.push(...(await recording.inContext(react)));
      }
      await gathered.send();
      failpoint('saga.after_reactions');
      if (events.length > 0) await outbox.appendLast(tx, events);
      failpoint('saga.before_commit');
      return closed;
    });
    failpoint('saga.after_commit');
    return new Set(recorded.keys());
  } catch (error) {
    throw failedWithCommit(error) ? nameRefusal(error) : error;
  }
}

async function closeAll<DB>(
  executor: Executor,
  recordings: readonly Recording<DB>[],
): Promise<ReadonlyMap<string, unknown>> {
  const [first] = recordings;
  if (first === undefined) return new Map();
  const { lockSql } = first.call;
  if (lockSql !== undefined)
    return closeWorks(
      executor,
      recordings.map(({ work }) => work),
      lockSql,
    );
  const { work, outcome, made } = first;
  const state = outcome.kind === 'succeeded' ? 'done' : 'failed';
  const isOurs = await writeWork(executor, work, made, { state, outcome });
  return new Map(isOurs ? [[work.id, undefined]] : []);
}

/** Runs the reactions to an outcome. Returns what they emit. */
async function reaction<DB>(
  recording: Recording<DB>,
  tools: Pick<OutcomeContext<DB, never>, 'tx' | 'gathered' | 'locked'>,
  log: Recorder<DB>['log'],
): Promise<readonly AppendEvent[]> {
  const { revived, work, outcome, made } = recording;
  const { idempotencyKey, key } = work;
  const emitted = new OutcomeEvents(work, outcome.kind);
  const guard = await guardOf(tools.tx);
  guard?.follow(() => emitted.mark());
  guard?.follow(() => tools.gathered.mark());
  const attempts = continueStory(work.story, made.attempts);
  const emit: OutcomeContext<DB, never>['emit'] = (event, as) => emitted.add(event, as);
  const ended = endedWork(work, outcome, made.calls, attempts);
  const context = { ...tools, emit, idempotencyKey, key, attempts, ended };
  const what = whatRecords(recording);
  await awaitedStatements(tools.tx, what, (tx) =>
    runCode(
      what,
      (err, line) => log.error({ err }, line),
      () =>
        outcome.kind === 'succeeded'
          ? revived.succeeded(outcome.result, { ...context, tx })
          : revived.failed(outcome.failure, { ...context, tx }),
    ),
  );
  return emitted.close();
}

function whatRecords<DB>({ work: { consumer, handler, id } }: Recording<DB>): string {
  return `what records the outcome of call ${id} (handler ${handler} of consumer ${consumer})`;
}

/** Runs the hook of a call that did not succeed, and appends its events in the same transaction. */
export async function emitting<T>(
  executor: Executor,
  work: Asker,
  run: (emit: (event: DomainEvent, as?: EmitAs) => void) => Promise<T>,
): Promise<T> {
  const emitted = new OutcomeEvents(work, 'failed');
  const result = await run((event, as) => emitted.add(event, as));
  const events = emitted.close();
  if (events.length > 0) await outbox.append(executor, events);
  return result;
}

/** The work in whose name something is emitted. */
type Asker = Pick<ClaimedWork, 'consumer' | 'handler' | 'id' | 'cause'>;

/** Events whose ids derive from their origin and index: a retried recording emits the same facts. */
class OutcomeEvents {
  readonly #work: Asker;
  readonly #phase: 'apply' | 'failure';
  readonly #events: AppendEvent[] = [];
  #open = true;

  constructor(work: Asker, kind: Outcome['kind']) {
    this.#work = work;
    this.#phase = kind === 'succeeded' ? 'apply' : 'failure';
  }

  /** Marks what is emitted so far; the result forgets what came after. */
  mark(): () => void {
    const { length } = this.#events;
    return () => (this.#events.length = length);
  }

  add(event: DomainEvent, as: EmitAs = {}): void {
    const { consumer, handler, id: intent, cause } = this.#work;
    const { type, version, topic, key, payload, search } = event;
    if (!this.#open)
      throw new TypeError(`${type} was emitted after its transaction had ended: await everything that emits`);
    const headers = contextHeaders(event, contextOf(cause, as));
    inject(headers);
    const id = as.id ?? deterministicUuid(consumer, handler, this.#phase, 0, intent, this.#events.length);
    this.#events.push({ id, type, version, topic, key, payload, headers, ...(search && { search }) });
  }

  close(): readonly AppendEvent[] {
    this.#open = false;
    return this.#events;
  }
}

function contextOf({ correlationId, eventId, hops, deadline, ...of }: Cause, as: EmitAs): EventContext {
  const { saga = of.saga, attemptId = of.attemptId, attemptTrace = of.attemptTrace } = as;
  return {
    correlationId,
    causationId: eventId,
    hops,
    ...(deadline === undefined ? {} : { deadline: new Date(deadline) }),
    ...(saga === undefined ? {} : { saga }),
    ...(attemptId === undefined ? {} : { attemptId }),
    ...(attemptTrace === undefined ? {} : { attemptTrace }),
  };
}
