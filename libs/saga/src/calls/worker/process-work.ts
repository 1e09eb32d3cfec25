import { AsyncLocalStorage } from 'node:async_hooks';
import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { failpoint, callbackError, inCallOfCode, lateStray } from '@convergekit/core/engine';
import { classify } from '@convergekit/resilience';
import { slowWait } from '@convergekit/resilience/engine';
import { afterAttempts, attributeNames, contextFrom, spanNames } from '@convergekit/telemetry/engine';
import { withSpan, type Logger } from '@convergekit/telemetry';
import type { WorkerCall, Revived } from '../work/worker-call.ts';
import { type Answer, decide, doubtAfter, type Next, nextTurn, stored, finalInMs } from '../work/decide.ts';
import {
  type ClaimedWork,
  COVERED,
  type Op,
  type Outcome,
  type StuckReason,
  type WorkAttempt,
} from '../work/work.ts';
import { runCall, type RunContext } from './run-call.ts';
import type { ResolvedOptions } from './options.ts';
import { earlierOf, report } from './report.ts';
import { OutcomeGroups } from './outcome-groups.ts';
import { emitting, type Recording } from './record-outcome.ts';
import { type AttemptsMade, writeWork } from './outcome-sql.ts';
import { waitForReader } from './unreadable.ts';

/** `lost`: another worker holds the row, and nothing was written. */
export type Processed = 'done' | 'failed' | 'again' | 'stuck' | 'answered' | 'lost';

export type WorkOptions<DB> = ResolvedOptions<DB> & {
  /** Records the outcomes. @default each by itself */
  readonly groups?: OutcomeGroups<DB>;
  /** Called when the call or query of a `grouped` call has ended, and its outcome is not recorded yet. */
  readonly onCalled?: () => void;
};

/** Processes one claimed row: call or query, decide, record. Rejects only when the database cannot be written. */
export async function processWork<DB>(
  options: WorkOptions<DB>,
  call: WorkerCall<DB>,
  work: ClaimedWork,
  asking: RunContext,
): Promise<Processed> {
  const { eventId, traceparent, tracestate, attemptTrace } = work.cause;
  const headers = { ...(traceparent && { traceparent }), ...(tracestate && { tracestate }) };
  const attributes = { [attributeNames.call]: call.name, [attributeNames.eventId]: eventId };
  const parent = contextFrom(headers);
  const links = attemptTrace === undefined ? [] : [contextFrom({ traceparent: attemptTrace })];
  const described = { kind: 'internal', attributes, parent, links } as const;
  return withSpan(spanNames.run(call.name), described, (span) =>
    afterAttempts(earlierOf(work), async () => {
      const processed = await processRow({ options, call, work }, asking);
      span.setAttribute(attributeNames.outcome, processed);
      report.ended(options.log, work, processed);
      return processed;
    }),
  );
}

/** A claimed row, its call, and the worker that holds it. */
interface Claimed<DB> {
  readonly options: WorkOptions<DB>;
  readonly call: WorkerCall<DB>;
  readonly work: ClaimedWork;
}

const nothing: AttemptsMade = { calls: 0, queries: 0, attempts: [], doubt: 'kept' };

/** The entry of a call in doubt that is not repeated: no call begins after it. */
function leftOut(now: number): AttemptsMade {
  const at = new Date(now).toISOString();
  return { ...nothing, attempts: [{ at, op: 'call', durationMs: 0, failure: COVERED }], doubt: 'as_before' };
}

async function processRow<DB>(claimed: Claimed<DB>, asking: RunContext): Promise<Processed> {
  const { options, call, work } = claimed;
  const revived = revive(claimed);
  if (revived === undefined) return leaveToReader(claimed);
  const op = nextTurn(work, call);
  switch (op) {
    case 'stuck':
      return markStuck(claimed, 'outcome_unknown', nothing);
    case 'settle':
      if (work.outcome === undefined)
        throw new TypeError(`saga_work ${work.id} is answered without an outcome`);
      return close(claimed, revived, work.outcome, nothing);
    case 'drop':
      return close(claimed, revived, { kind: 'failed', failure: COVERED }, nothing);
    case 'doubt':
      return putOff(claimed, { kind: 'again', state: 'unknown' }, leftOut(options.clock.now()));
    case 'call':
    case 'query': {
      const { answer, attempts, sent } = await asCall(work, call.name, options.log, () =>
        runCall(op, revived, call.idempotency, asking),
      );
      if (call.grouped === true) options.onCalled?.();
      const tried = { ...work, finalInMs: finalInMs(work, options.clock.now()) };
      const next = decide(op, answer, tried, call, options.random);
      report.attempts(options.log, work, attempts, next);
      return follow(claimed, revived, next, {
        ...attemptsMade(op, answer, attempts, sent, next),
        doubt: doubtAfter(op, next, tried),
      });
    }
  }
}

/** A process of another version may read it; after `undeclaredMs` it waits for an operator. */
async function leaveToReader<DB>(claimed: Claimed<DB>): Promise<Processed> {
  const { options, call, work } = claimed;
  const { clock, random, database, undeclaredMs, log } = options;
  const rules = { schedule: call.schedule, withinMs: undeclaredMs, now: clock.now(), random };
  const attempt = waitForReader(work, rules);
  if (attempt === undefined) return markStuck(claimed, 'input_unreadable', nothing);
  const state = work.found === 'ready' ? 'ready' : 'unknown';
  const { wait } = attempt;
  const next: Next = { kind: 'again', state, ...(wait === undefined ? {} : { wait }) };
  report.attempts(log, work, [attempt], next);
  const unread: AttemptsMade = {
    ...nothing,
    attempts: [attempt],
    doubt: state === 'ready' ? 'as_before' : 'kept',
  };
  const delayMs = wait?.computedMs ?? 0;
  const as = work.found === 'answered' ? 'answered' : state;
  const ours = await writeWork(database.executor, work, unread, { state: as, delayMs });
  options.onPutOff?.(delayMs);
  return written(ours, 'again');
}

function revive<DB>({ call, work }: Claimed<DB>): Revived<DB> | undefined {
  try {
    return call.revive(work);
  } catch {
    return undefined;
  }
}

function follow<DB>(
  claimed: Claimed<DB>,
  revived: Revived<DB>,
  next: Next,
  made: AttemptsMade,
): Promise<Processed> {
  switch (next.kind) {
    case 'succeed':
      return close(claimed, revived, { kind: 'succeeded', result: next.result }, made);
    case 'fail':
      return close(claimed, revived, { kind: 'failed', failure: next.failure }, made);
    case 'again':
      return putOff(claimed, next, made);
    case 'stuck':
      return markStuck(claimed, next.reason, made);
  }
}

async function putOff<DB>(
  { options: { database, onPutOff }, work }: Claimed<DB>,
  next: Extract<Next, { kind: 'again' }>,
  made: AttemptsMade,
): Promise<Processed> {
  const delayMs = next.wait?.computedMs ?? 0;
  const ours = await writeWork(database.executor, work, made, { state: next.state, delayMs });
  failpoint('saga.after_put_off');
  onPutOff?.(delayMs);
  return written(ours, 'again');
}

function markStuck<DB>(
  { options: { database, clock, random }, call: { stuck }, work }: Claimed<DB>,
  reason: StuckReason,
  made: AttemptsMade,
): Promise<Processed> {
  return kyselyTransaction(database.db, { clock, random }, async (tx) => {
    const executor = executorOf(tx);
    const ours = await writeWork(executor, work, made, { state: 'stuck', reason });
    failpoint('saga.after_stuck');
    if (ours) await emitting(executor, work, async (emit) => stuck?.({ tx, emit }, work.input, reason));
    return written(ours, 'stuck');
  });
}

/** Closes a row. A failed reaction must not cost a second call: the outcome is kept, and handled later. */
async function close<DB>(
  { options, call, work }: Claimed<DB>,
  revived: Revived<DB>,
  outcome: Outcome,
  made: AttemptsMade,
): Promise<Processed> {
  const { database, clock, log, random } = options;
  const ended = outcome.kind === 'succeeded' ? 'done' : 'failed';
  const began = clock.monotonic();
  try {
    const inContext = AsyncLocalStorage.snapshot() as Recording<DB>['inContext'];
    const recording = { call, revived, work, outcome, made, inContext };
    const { groups = new OutcomeGroups(options) } = options;
    return written(await groups.record(recording), ended);
  } catch (error) {
    const failure = classify(error);
    if (failure.code === 'SAGA_UNDECIDED')
      await kyselyTransaction(database.db, { clock, random }, async (tx) => revived.undecided?.(tx));
    else report.recordingFailed(log, work, failure);
    const recordings = work.story.filter(({ op }) => op === 'settle').length + 1;
    const wait = slowWait(call.schedule, { attempt: recordings, random });
    const failed: WorkAttempt = {
      at: new Date(clock.now()).toISOString(),
      op: 'settle',
      durationMs: Math.round(clock.monotonic() - began),
      failure: stored(failure),
      wait,
    };
    const kept: AttemptsMade = { ...made, attempts: [...made.attempts, failed] };
    const delayMs = wait.computedMs;
    const ours = await writeWork(database.executor, work, kept, { state: 'answered', outcome, delayMs });
    options.onPutOff?.(delayMs);
    return written(ours, 'answered');
  }
}

function written(ours: boolean, processed: Processed): Processed {
  return ours ? processed : 'lost';
}

/** The last attempt carries what was found and what is waited for. */
function attemptsMade(
  op: Op,
  answer: Answer,
  attempts: readonly WorkAttempt[],
  sent: number,
  next: Next,
): Omit<AttemptsMade, 'doubt'> {
  const last = attempts.at(-1);
  const found = answer.kind === 'failed' ? {} : { found: answer.kind };
  const wait = next.kind === 'again' && next.wait !== undefined ? { wait: next.wait } : {};
  return {
    calls: op === 'call' ? sent : 0,
    queries: op === 'query' ? sent : 0,
    attempts: last === undefined ? [] : [...attempts.slice(0, -1), { ...last, ...found, ...wait }],
  };
}

/**
 * Runs the code of a call. What it leaves behind does not decide about an answer that has come: it is logged. What its
 * callbacks throw before is logged, too: an answer that never comes is unknown at the end of its time.
 */
export async function asCall<T>(
  { id, consumer }: { readonly id: string; readonly consumer: string },
  call: string,
  logger: Pick<Logger, 'error'>,
  run: () => Promise<T>,
): Promise<T> {
  const what = (): string => `call ${call} of consumer ${consumer} (${id})`;
  const log = (err: unknown, line: string): void => logger.error({ err, call, work: id }, line);
  let running = true;
  const stray = (error: unknown): void => log(error, lateStray(what()));
  const thrown = (error: unknown): boolean => {
    if (running) log(error, callbackError(what(), error).message);
    return running;
  };
  try {
    return await inCallOfCode({ what, stray, thrown }, run);
  } finally {
    running = false;
  }
}
