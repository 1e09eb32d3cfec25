import { type Executor, executorOf } from '@convergekit/postgres';
import { senderOf, sqlState } from '@convergekit/postgres/engine';
import { deterministicUuid, failpoint } from '@convergekit/core';
import type { Transaction } from 'kysely';
import { type Unit, unitsOf } from './units.ts';
import type { CallContext } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import type { SliceContext } from './context.ts';
import { emitClosed, type Emitted, identityOf } from './emitted.ts';
import { ended, guarded, type FailedWrite, Written } from './handler-tx.ts';
import { ConnectionLost, HandlerFailed, PartitionLost, SliceTooLong } from './slice-errors.ts';

/** Calls the handlers of a slice in order. Throws HandlerFailed, or why no handler is to blame. */
export async function callHandlers<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  steps: readonly Step<DB>[],
  emitted: Emitted,
  signal: AbortSignal,
  attempt: number | undefined,
): Promise<void> {
  const started = context.clock.monotonic();
  const written = new Written(await senderOf(tx));
  const units = unitsOf(steps.filter((step) => step.kind === 'handle'));
  for (const [at, unit] of units.entries()) {
    if (signal.aborted) throw new PartitionLost();
    if (at > 0 && context.clock.monotonic() - started > context.sliceMaxMs) throw new SliceTooLong();
    await callOne(context, tx, unit, { emitted, written, attempt, signal });
    if (written.full) await written.answered();
    if (written.failed !== undefined) break;
  }
  await written.answered();
  if (written.failed !== undefined) throw await blame(tx, written.failed);
}

/** What the calls of one slice share. */
interface Shared {
  readonly emitted: Emitted;
  readonly written: Written;
  readonly attempt: number | undefined;
  readonly signal: AbortSignal;
}

/** The handler failed, unless it was the connection. */
async function blame<DB>(
  tx: Transaction<DB>,
  { handler, events, error }: FailedWrite,
): Promise<HandlerFailed | ConnectionLost> {
  return (await answers(executorOf(tx)))
    ? new HandlerFailed(handler, events, error)
    : new ConnectionLost('', { cause: error });
}

async function callOne<DB>(
  context: SliceContext<DB>,
  tx: Transaction<DB>,
  { subscription, events }: Unit<DB>,
  { emitted, written, attempt, signal }: Shared,
): Promise<void> {
  const { handler } = subscription;
  const consumer = context.definition.name;
  const guard = guarded(tx, handler);
  let open = true;
  const [first] = events;
  const idempotencyKey = deterministicUuid(
    consumer,
    handler,
    'key',
    first === undefined ? '' : identityOf(first),
  );
  const emit: CallContext<DB>['emit'] = (event, answers, as) => {
    if (!open) throw emitClosed(handler, event.type);
    emitted.add(handler, event, answers, as);
  };
  const write: CallContext<DB>['write'] = (query) => {
    // A guarded transaction's builders refuse to compile after the end; what was compiled before is refused here.
    if (!open) throw ended(handler);
    written.add(handler, events, 'compile' in query ? query.compile() : query);
  };
  const deadline = new Date(context.clock.now());
  try {
    await context.call({
      consumer,
      subscription,
      events,
      attempt,
      context: {
        tx: guard.tx,
        write,
        consumer,
        handler,
        emit,
        signal,
        deadline,
        idempotencyKey,
        log: context.log,
      },
    });
    failpoint('inbox.in_handler');
  } catch (error) {
    if (signal.aborted) throw new PartitionLost();
    await written.answered();
    // Whoever comes after a failed write meets an aborted transaction: the first one is to blame.
    if (written.failed !== undefined) throw await blame(tx, written.failed);
    if (!timedOut(error) && !(await answers(executorOf(tx)))) throw new ConnectionLost('', { cause: error });
    throw new HandlerFailed(handler, events, error);
  } finally {
    open = false;
    guard.close();
  }
}

function timedOut(error: unknown): boolean {
  return error instanceof InboxError && error.code === 'HANDLER_TIMEOUT';
}

/**
 * Whether the slice's connection still works. "The transaction is aborted" is an answer too: then it was a statement
 * of the handler that failed, and the handler's error is its own.
 */
export async function answers(executor: Executor): Promise<boolean> {
  try {
    await executor.query('select 1');
    return true;
  } catch (error) {
    return sqlState(error) === '25P02';
  }
}
