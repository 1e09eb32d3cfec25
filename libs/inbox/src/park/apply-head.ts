import { KIT_TYPES } from '@convergekit/contracts/engine';
import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { failpoint } from '@convergekit/core/engine';
import { act } from '../plan/act.ts';
import type { Step } from '../plan/plan.ts';
import { readRecord } from '../plan/reading.ts';
import { InboxError } from '../errors.ts';
import { insertAttempts } from '../attempt/attempt-sql.ts';
import { limitSession } from '../slice/open-slice-sql.ts';
import { callHandlers } from '../slice/call-handlers.ts';
import type { SliceContext } from '../slice/context.ts';
import { Emitted } from '../slice/emitted.ts';
import { HandlerFailed, ownStatement, SliceFault } from '../slice/fault.ts';
import { canRefetch, refetched, wantsRefetch } from '../attempt/refetch.ts';
import { append } from '../attempt/failure-events.ts';
import type { TriedEvent } from '../attempt/attempt.ts';
import type { Try } from '../attempt/try-event.ts';
import { attemptRows } from '../attempt/attempt-rows.ts';
import type { LeasedKey } from './claim-sql.ts';
import { type Head, releaseLine, takeHeads } from './head-sql.ts';
import { wholeHeads } from './line-log.ts';

/** The first event of a parked key that a drain has leased, as this version of the consumer plans it. */
export interface Drained<DB> {
  readonly context: SliceContext<DB>;
  readonly key: LeasedKey;
  readonly head: Head;
  readonly step: Step<DB>;
}

/** Events of one line that a transaction applies, in their order. */
export type Run<DB> = readonly [Drained<DB>, ...Drained<DB>[]];

interface AppliedRun {
  readonly kind: 'committed';
  /** The time for which the key was parked, in milliseconds; undefined: it was not released. */
  readonly parkedMs: number | undefined;
}

/** Plans the first events of a line, one at least; bytes that their rows do not have come from the log. Rejects when the broker is down. */
export async function drainedOf<DB>(
  context: SliceContext<DB>,
  key: LeasedKey,
  heads: readonly [Head, ...Head[]],
): Promise<Run<DB>> {
  const drained = (head: Head): Drained<DB> => ({ context, key, head, step: headStep(context, head) });
  const [first, ...others] = await wholeHeads(context, heads);
  return [drained(first), ...others.map(drained)];
}

function headStep<DB>({ route }: SliceContext<DB>, head: Head): Step<DB> {
  const { record } = head;
  if (head.bytes === 'gone') {
    const { topic, partition, offset } = record;
    const error = new InboxError(
      'PARKED_RECORD_GONE',
      `it was parked behind more events of its key than \`parking.maxRowsPerKey\` keeps, and the log does not have its record any more (${topic}/${partition} at offset ${offset}): reconcile its key, then skip it, and lengthen the topic's retention`,
      { category: 'data' },
    );
    return { record, mark: undefined, kind: 'refuse', envelope: undefined, foreign: false, error };
  }
  return { record, mark: undefined, ...act(readRecord(record), route, false) };
}

/**
 * Applies a parked event, with current data if its own is unusable and its handler has `refetch`.
 */
export async function applyHead<DB>(drained: Drained<DB>, tried: Try): Promise<AppliedRun> {
  const { context, step } = drained;
  const fresh = async (): Promise<AppliedRun> =>
    applyRun([{ ...drained, step: await refetched(context, step, NEVER) }], tried);
  if (wantsRefetch(context, step)) return fresh();
  try {
    return await applyRun([drained], tried);
  } catch (error) {
    const bad = error instanceof HandlerFailed && classify(error.cause).category === 'data';
    if (!bad || !canRefetch(context, step)) throw error;
    return fresh();
  }
}

/** A signal that never aborts: a drain holds the lease of the key and finishes its event even after a reassignment. */
const NEVER = new AbortController().signal;

/**
 * Applies parked events in one transaction. Its steps: take the events' rows (the fence) → handlers → emitted events →
 * release the key if nothing is queued behind. The partition's fence is not touched: position and watermark passed these events when they were parked, and slices do not handle their key before the
 * release is committed.
 */
export function applyRun<DB>(run: Run<DB>, { number, traceparent }: Partial<Try> = {}): Promise<AppliedRun> {
  const [{ context, key, head: first }] = run;
  const { clock, random, database, limits, serverVersion } = context;
  return kyselyTransaction(database.db, { clock, random }, async (tx) => {
    const executor = executorOf(tx);
    const began = { now: clock.now(), monotonic: clock.monotonic() };
    await ownStatement('limits', () => limitSession(executor, limits(), serverVersion));
    const heads = [first, ...run.slice(1).map(({ head }) => head)] as const;
    if (!(await ownStatement('drain', () => takeHeads(executor, key, heads))))
      throw new SliceFault({ kind: 'fence_lost' });
    const emitted = new Emitted(key.consumer, first.run);
    const steps = run.flatMap(({ step, head }) => handled(step, head));
    const called = await callHandlers(context, tx, [{ steps, signal: NEVER }], emitted, number);
    const durationMs = clock.monotonic() - began.monotonic;
    const succeeded = { startedMs: began.now, durationMs, traceparent };
    const rows = heads.flatMap((head) => attemptRows(triedHead(key, head), head.attempts, succeeded));
    await ownStatement('attempts', () => insertAttempts(executor, rows));
    await append(context, tx, emitted.events);
    failpoint('inbox.drain_before_release');
    const { seq } = run.at(-1)?.head ?? first;
    const parkedMs = await ownStatement('drain', () => releaseLine(executor, key, seq));
    called.end();
    failpoint('inbox.drain_before_commit');
    return { kind: 'committed', parkedMs };
  });
}

/** The event for its attempts and failure events. */
export function triedHead({ consumer }: LeasedKey, head: Head): TriedEvent {
  const { record, topicId, handler, run, parkedAt } = head;
  const { content } = readRecord(record);
  const envelope = content.kind === 'envelope' ? content.envelope : undefined;
  const phase = envelope?.type === KIT_TYPES.failure ? 'failure' : 'apply';
  return { consumer, topicId, record, envelope, handler, phase, run, parkedAt };
}

/** The steps to handle; none when no handler takes the event any more. Throws HandlerFailed for unusable records. */
function handled<DB>(step: Step<DB>, { handler }: Head): readonly Step<DB>[] {
  switch (step.kind) {
    case 'handle':
      return [step];
    case 'refuse':
      throw new HandlerFailed(handler, step.error);
    case 'skip':
      if (step.why !== 'unknown_type') return [];
      throw new HandlerFailed(handler, notHere(handler));
  }
}

/** The error of an event that another version parked for a handler unknown here: retried on its schedule. */
function notHere(handler: string): InboxError {
  return new InboxError(
    'HANDLER_MISSING',
    `this version of the consumer has no handler ${handler}, which parked the event: a member that has one applies it; if no version has one, skip it with \`converge parked skip --unreported\`, since no failure event reports it`,
    { category: 'service' },
  );
}
