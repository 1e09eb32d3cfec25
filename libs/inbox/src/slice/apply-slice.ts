import { contextHeaders } from '@converge/contracts';
import type { AppendEvent } from '@converge/outbox';
import { type Executor, executorOf, kyselyTransaction } from '@converge/postgres';
import { classify } from '@converge/resilience';
import { failpoint } from '@converge/runtime';
import { contextFrom, continued, injectSpan, spanNames } from '@converge/telemetry';
import type { Transaction } from 'kysely';
import type { Step } from '../decide/plan.ts';
import { insertDeadLetter } from '../query/dead-letter.ts';
import { moveFence } from '../query/fence.ts';
import { limitSession } from '../query/session.ts';
import { moveWatermarks, type MovedMark } from '../query/watermark.ts';
import { answers, callHandlers } from './call-handlers.ts';
import type { Partition, SliceContext } from './context.ts';
import { Emitted } from './emitted.ts';
import { insertAttempts } from '../query/attempt.ts';
import { type Attempt, attemptOf } from '../story/attempt.ts';
import { phaseOf } from '../story/attempt-rows.ts';
import { appliedRows, letterAttempts } from '../story/slice-attempts.ts';
import { refuseAhead } from './unknown-steps.ts';
import { recordPassed, takeFilled } from './gap-steps.ts';
import { withoutRepeats } from './foreign-steps.ts';
import { failureEventId, failureInput, failureStory, type Letter, letterRow } from './letter.ts';
import {
  ConnectionLost,
  FenceLost,
  HandlerFailed,
  OwnStatementFailed,
  type OwnStep,
  TypeAhead,
} from './slice-errors.ts';

/** Why an event that reached its handler is given up after all. */
export interface GivenUp {
  readonly failure: Letter['failure'];
  readonly attempts: readonly Attempt[];
}

export interface Slice<DB> {
  readonly steps: readonly Step<DB>[];
  /** One past the last record of the slice. */
  readonly next: bigint;
  /** Steps that are written as dead letters instead of being handled. */
  readonly givenUp: ReadonlyMap<Step<DB>, GivenUp>;
  /** Failed attempts at the one event of this slice, when it is tried again. */
  readonly failed: readonly Attempt[];
  /** Number of this attempt, when the one event of this slice is tried by itself. */
  readonly attempt?: number;
}

/** What a committed slice did. */
export interface Applied {
  /** Events that were handled, by handler. */
  readonly handled: ReadonlyMap<string, number>;
  readonly duplicates: number;
  readonly skipped: number;
  readonly letters: readonly Letter[];
}

/**
 * One slice, one transaction: fence → handlers in order → dead letters → what they emitted, by one append → watermark →
 * commit. The database's wish for a rerun (40001, 40P01) is granted here; every other error rolls back and passes.
 */
export function applySlice<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  slice: Slice<DB>,
  signal: AbortSignal,
): Promise<Applied> {
  const { clock, random, database } = context;
  return kyselyTransaction(database.db, { clock, random }, (tx) =>
    inside(context, partition, slice, tx, signal),
  );
}

async function inside<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  slice: Slice<DB>,
  tx: Transaction<DB>,
  signal: AbortSignal,
): Promise<Applied> {
  const executor = executorOf(tx);
  const { key, nextOffset } = partition;
  const began = { now: context.clock.now(), monotonic: context.clock.monotonic() };
  await own('limits', () => limitSession(executor, context.limits, context.serverVersion));
  const ours = await own('fence', () => moveFence(executor, key, nextOffset, slice.next));
  if (!ours) throw new FenceLost();
  if (!(await own('fill', () => takeFilled(executor, key, slice.steps)))) throw new FenceLost();
  await own('types', () => refuseAhead(executor, key, slice.steps));
  const steps = await own('foreign', () => withoutRepeats(executor, key.consumer, slice.steps));
  const emitted = new Emitted(key.consumer);
  const toHandle = steps.filter((step) => !slice.givenUp.has(step));
  await callHandlers(context, tx, toHandle, emitted, signal, slice.attempt);
  const letters = await own('dead_letter', () =>
    writeLetters(context, partition, steps, slice.givenUp, executor),
  );
  const durationMs = context.clock.monotonic() - began.monotonic;
  const rows = [
    ...appliedRows(partition, toHandle, slice.failed, { startedMs: began.now, durationMs }),
    ...letterAttempts(partition, letters),
  ];
  await own('attempts', () => insertAttempts(executor, rows));
  await append(context, executor, [
    ...emitted.events,
    ...letters.map((letter) => told(context, partition, letter)),
  ]);
  await own('watermark', () => moveWatermarks(executor, key, lastMarks(steps)));
  await own('gap', () => recordPassed(executor, context.definition, key, steps));
  failpoint('inbox.before_commit');
  return {
    handled: handledBy(toHandle),
    duplicates: steps.filter((step) => step.kind === 'skip' && step.why === 'duplicate').length,
    skipped: steps.filter((step) => step.kind === 'skip' && step.why !== 'duplicate').length,
    letters,
  };
}

function handledBy<DB>(steps: readonly Step<DB>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const step of steps)
    if (step.kind === 'handle')
      counts.set(step.subscription.handler, (counts.get(step.subscription.handler) ?? 0) + 1);
  return counts;
}

/** The highest mark of each source and epoch: marks of one source ascend within a slice. */
export function lastMarks<DB>(steps: readonly Step<DB>[]): readonly MovedMark[] {
  const last: MovedMark[] = [];
  // From the end, where nearly always the last one stands for all.
  for (const { mark } of steps.toReversed())
    if (mark !== undefined && !last.some((one) => sameTimeline(one, mark))) last.push(mark);
  return last;
}

function sameTimeline(one: MovedMark, other: MovedMark): boolean {
  return one.source === other.source && one.position.epoch === other.position.epoch;
}

async function writeLetters<DB>(
  context: SliceContext<DB>,
  { key, topicId }: Partition,
  steps: readonly Step<DB>[],
  givenUp: Slice<DB>['givenUp'],
  executor: Executor,
): Promise<readonly Letter[]> {
  const letters: Letter[] = [];
  for (const step of steps) {
    const letter = letterOf(context, step, givenUp.get(step));
    if (letter === undefined) continue;
    const row = letterRow(letter, { consumer: key.consumer, topicId });
    if (await insertDeadLetter(executor, row)) letters.push(letter);
  }
  return letters;
}

function letterOf<DB>(
  context: SliceContext<DB>,
  step: Step<DB>,
  givenUp: GivenUp | undefined,
): Letter | undefined {
  const { record } = step;
  switch (step.kind) {
    case 'skip':
      return undefined;
    case 'handle':
      if (givenUp === undefined) return undefined;
      return {
        record,
        envelope: step.event,
        handler: step.subscription.handler,
        phase: phaseOf(step.subscription),
        ...givenUp,
      };
    case 'refuse': {
      const failure = classify(step.error);
      const handler = step.envelope?.type ?? 'unreadable';
      const end = { number: 1, startedMs: context.clock.now(), durationMs: 0 };
      const attempts = [attemptOf(failure, { ...end, next: { kind: 'dead_letter' } })];
      return { record, envelope: step.envelope, handler, phase: 'apply', failure, attempts };
    }
  }
}

/** The failure event of a letter: in the same transaction, through the same outbox as everything else. */
function told<DB>(context: SliceContext<DB>, { key, topicId }: Partition, letter: Letter): AppendEvent {
  const origin = { consumer: key.consumer, topicId };
  const event = context.failureEvent(failureInput(letter, origin));
  const { type, version, topic, key: eventKey, payload } = event;
  const headers = contextHeaders(event, failureStory(letter, origin));
  traceFailure(headers, topic, letter);
  return { id: failureEventId(letter, origin), type, version, topic, key: eventKey, payload, headers };
}

/** The failure event goes on with the trace of the failed one, and its span links to the attempt that caused it. */
function traceFailure(headers: Record<string, string>, topic: string, { envelope, attempts }: Letter): void {
  const cause = attempts.at(-1)?.traceparent;
  injectSpan(headers, spanNames.create(topic), {
    kind: 'producer',
    parent: continued(envelope?.headers ?? {}),
    ...(cause === undefined ? {} : { links: [contextFrom({ traceparent: cause })] }),
  });
}

async function append<DB>(
  context: SliceContext<DB>,
  executor: Executor,
  events: readonly AppendEvent[],
): Promise<void> {
  if (events.length === 0) return;
  try {
    await context.outbox.append(executor, events);
  } catch (error) {
    if (!(await answers(executor))) throw new ConnectionLost('', { cause: error });
    throw new HandlerFailed('emit', [], error);
  }
}

async function own<T>(step: OwnStep, statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (error instanceof TypeAhead) throw error;
    throw new OwnStatementFailed(step, error);
  }
}
