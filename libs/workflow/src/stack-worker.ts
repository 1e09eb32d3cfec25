import { sqlState } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import {
  endsWithin,
  failpoint,
  loopService,
  type NextRun,
  poll,
  type Service,
  Wake,
} from '@convergekit/core';
import { alertOverdueStacks } from '@convergekit/effects/engine';
import { recover } from './body.ts';
import { type ClaimedStack, claimStacks } from './claim-sql.ts';
import { StackError, Suspended } from './errors.ts';
import { Journal } from './journal.ts';
import type { ResolvedStacks } from './options.ts';
import { forgetStacks } from './tidy-sql.ts';

/**
 * Goes on with stacks whose process died, lost its lease, or left an undo to be tried again. Any number of workers may
 * run beside each other and beside `run`. A database that is away is waited for.
 */
export function stackWorker(options: ResolvedStacks): Service {
  const { database, holder, stacks, concurrency, idleMs, pollMs, tidyMs, clock, random, drainMs } = options;
  const cutOff = new AbortController();
  const running = new Set<Promise<void>>();
  const room = new Wake();

  const claim = async (): Promise<NextRun | undefined> => {
    const places = concurrency - running.size;
    if (places <= 0) return undefined;
    const claimed = await claimStacks(database.executor, holder, [...stacks.keys()], places, idleMs);
    if (claimed.length > 0) failpoint('stack.after_claim');
    for (const one of claimed) {
      const turn = goOn(options, one, cutOff.signal).catch((error: unknown) => failed(options, error));
      running.add(turn);
      void turn.finally(() => {
        running.delete(turn);
        room.notify();
      });
    }
    return claimed.length > 0 ? { afterMs: 0 } : undefined;
  };
  const loop = { clock, random, onError: (error: unknown) => failed(options, error) };
  return loopService({
    name: 'stack worker',
    prepare: () => checkTables(options),
    run: (signal) =>
      Promise.all([
        poll({ ...loop, everyMs: pollMs, signal, wake: room, run: claim }),
        poll({ ...loop, everyMs: tidyMs, signal, run: () => tidy(options) }),
      ]),
    drain: async () => {
      await endsWithin(Promise.all(running), drainMs, clock);
      cutOff.abort();
      await Promise.all(running);
    },
  });
}

/** One turn: to the end of the stack, or until it has to wait. Rejects when the database cannot be read. */
async function goOn(options: ResolvedStacks, claim: ClaimedStack, signal: AbortSignal): Promise<void> {
  const stack = options.stacks.get(claim.stack);
  if (stack === undefined) return;
  const journal = await Journal.of(claim, options.database.executor, options.clock);
  try {
    await recover({ options, stack, journal, signal, patienceMs: 0 });
  } catch (error) {
    // It is written down why it waits; what was lost goes on elsewhere.
    if (!(error instanceof Suspended)) throw error;
    if (error.why === 'lost')
      options.log.warn({ stack: claim.stack, id: claim.id, reason: error.message }, 'a stack was left');
  }
}

async function tidy({ keepMs, stuckAfterMs, database, log }: ResolvedStacks): Promise<void> {
  await alertOverdueStacks(database.executor, log, stuckAfterMs);
  await forgetStacks(database.executor, keepMs);
}

function failed({ log }: ResolvedStacks, error: unknown): void {
  const { category, code, message } = classify(error);
  log.error(
    { category, code, reason: message },
    'the stack worker could not go on with its tables: it tries again',
  );
}

async function checkTables({ database }: ResolvedStacks): Promise<void> {
  await database.executor.query('select 1 from converge.saga_stack limit 0').catch(explainMissing);
}

export function explainMissing(error: unknown): never {
  if (!['42P01', '3F000'].includes(sqlState(error) ?? '')) throw error;
  throw new StackError(
    'STACK_NOT_MIGRATED',
    'the tables of compensation stacks are missing in this database: run `converge migrate` with its DATABASE_URL',
    { cause: error },
  );
}
