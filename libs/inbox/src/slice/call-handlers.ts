import { type Executor, executorOf } from '@convergekit/postgres';
import {
  CallStatements,
  guardOf,
  rawQuery,
  senderOf,
  sqlState,
  type TransactionGuard,
} from '@convergekit/postgres/engine';
import { deterministicUuid, failpoint } from '@convergekit/core/engine';
import { calledInAttempt } from '@convergekit/resilience/engine';
import type { Transaction } from 'kysely';
import { type Unit, unitsOf } from './slice-parts.ts';
import type { HandlerRun } from '../attempt/middleware.ts';
import type { CallContext } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import { Calls, ended, type FailedWrite, handlerClient, whatIs, Written } from './calls.ts';
import type { SliceContext } from './context.ts';
import { emitClosed, type Emitted, identityOf } from './emitted.ts';
import { Gathered } from './gathered.ts';
import { connectionLost, HandlerFailed, SliceFault } from './fault.ts';

/** The state of a statement that came after one that failed. */
const IN_ABORTED = '25P02';

/** The steps of one partition in a slice, and the signal of its loss. */
export interface CalledPart<DB> {
  readonly steps: readonly Step<DB>[];
  readonly signal: AbortSignal;
}

/**
 * Calls the handlers of a slice, each partition in the order of its log. Throws HandlerFailed or SliceFault. The caller
 * ends the calls before its commit.
 */
export async function callHandlers<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  parts: readonly CalledPart<DB>[],
  emitted: Emitted,
  attempt: number | undefined,
): Promise<Calls> {
  const calls = new Calls(context.log);
  const started = context.clock.monotonic();
  const written = new Written(await senderOf(tx));
  const gathered = new Gathered(tx);
  const guard = await guardOf(tx);
  guard?.follow(() => emitted.mark());
  guard?.follow(() => gathered.mark());
  const units = parts.flatMap(({ steps, signal }) =>
    unitsOf(steps.filter((step) => step.kind === 'handle')).map((unit) => ({ unit, signal })),
  );
  for (const [at, { unit, signal }] of units.entries()) {
    if (signal.aborted) throw new SliceFault({ kind: 'partition_lost' });
    if (at > 0 && context.clock.monotonic() - started > context.sliceMaxMs)
      throw new SliceFault({ kind: 'too_long' });
    await callOne(context, tx, unit, { calls, emitted, written, gathered, guard, attempt, signal });
    if (written.full) await written.answered();
    if (written.failed !== undefined) break;
  }
  await written.answered();
  if (written.failed !== undefined) throw await blame(tx, written.failed);
  context.pace.called(units.length, context.clock.monotonic() - started);
  await gathered.send(true);
  return calls;
}

/** The state that the calls of one slice share. */
interface Shared<DB> {
  readonly calls: Calls;
  readonly emitted: Emitted;
  readonly gathered: Gathered<DB>;
  readonly written: Written;
  readonly guard: TransactionGuard | undefined;
  readonly attempt: number | undefined;
  readonly signal: AbortSignal;
}

/** Attributes a failed write to its handler, unless the connection broke. */
async function blame<DB>(
  tx: Transaction<DB>,
  { handler, error }: FailedWrite,
): Promise<HandlerFailed | SliceFault> {
  return (await answers(executorOf(tx)))
    ? new HandlerFailed(handler, error, calledInAttempt())
    : connectionLost(error);
}

async function callOne<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  unit: Unit<DB>,
  shared: Shared<DB>,
): Promise<void> {
  const { guard, written, calls, signal } = shared;
  const { handler } = unit.subscription;
  const name = { consumer: context.definition.name, handler, events: unit.events };
  const called = calledInAttempt;
  const statements = new CallStatements(() => ended(handler));
  guard?.beginCall();
  try {
    const call = callOf(context, tx, unit, { ...shared, statements });
    await calls.run(name, { called, statements }, () => context.call(call));
    const late = await statements.end(whatIs(name), called() ? 'unknown' : 'not_applied');
    if (late !== undefined) throw late;
    if (guard?.ended !== undefined) throw guard.ended;
    setBack(tx, guard);
    failpoint('inbox.in_handler');
  } catch (error) {
    const timedOut = error instanceof InboxError && error.code === 'HANDLER_TIMEOUT';
    const answered = statements.abandon();
    if (!timedOut) await answered;
    if (guard?.ended !== undefined) throw new HandlerFailed(handler, guard.ended);
    if (signal.aborted) throw new SliceFault({ kind: 'partition_lost' });
    await written.answered();
    // Statements after a failed write fail in its aborted transaction: the first one is at fault.
    if (written.failed !== undefined) throw await blame(tx, written.failed);
    if (!timedOut && !(await answers(executorOf(tx)))) throw connectionLost(error);
    // So do those after a statement that was not awaited, whose error had no one to go to.
    const { failed } = calls;
    if (failed !== undefined && sqlState(failed) !== IN_ABORTED) throw failed;
    throw new HandlerFailed(handler, error, called());
  }
}

/** The call of a handler for a unit of a slice. */
function callOf<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  { subscription, events }: Unit<DB>,
  { emitted, written, gathered, attempt, signal, statements }: Shared<DB> & { statements: CallStatements },
): HandlerRun<DB> {
  const { handler } = subscription;
  const consumer = context.definition.name;
  const incoming = events[0] === undefined ? '' : identityOf(events[0]);
  const emit: CallContext<DB>['emit'] = (event, answers, as) => {
    if (!statements.isOpen) throw emitClosed(handler, event.type);
    emitted.add(handler, event, answers, as);
  };
  const write: CallContext<DB>['write'] = (query) => {
    // A closed transaction refuses to compile a builder; a compiled query is refused here.
    statements.check();
    written.add(handler, 'compile' in query ? query.compile() : query);
  };
  return {
    consumer,
    subscription,
    events,
    attempt,
    context: {
      tx: statements.through(tx),
      write,
      pgClient: () => handlerClient(tx, handler, statements),
      consumer,
      handler,
      emit,
      gathered,
      signal,
      deadline: new Date(context.clock.now()),
      idempotencyKey: deterministicUuid(consumer, handler, 'key', incoming),
      log: context.log,
    },
  };
}

/** Sets back the settings that a call changed for its transaction: the next one may be of another partition. */
function setBack<DB>(tx: Transaction<DB>, guard: TransactionGuard | undefined): void {
  const text = guard?.endCall();
  // If it fails, the transaction is aborted, and COMMIT says so.
  if (text !== undefined) tx.executeQuery(rawQuery(text)).catch(() => undefined);
}

/**
 * Checks that the slice's connection still works. "The transaction is aborted" is an answer too: then a statement of the
 * handler failed, and its error is the handler's own.
 */
export async function answers(executor: Executor): Promise<boolean> {
  try {
    await executor.query('select 1');
    return true;
  } catch (error) {
    return sqlState(error) === IN_ABORTED;
  }
}
