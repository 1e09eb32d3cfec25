import type { Database } from '@convergekit/postgres';
import { type CallRow, hasCalls, readCalls } from './calls-sql.ts';
import { emittedOf } from './events.ts';
import { readOutbox, readSource } from './outbox-sql.ts';
import type { Effects } from './outcome.ts';
import { readTables } from './tables-sql.ts';
import { writtenBetween } from './written.ts';

/** Looks at a service's database now; the result gives what has changed since. */
export async function observe<DB>(
  { executor }: Database<DB>,
  tables: boolean,
): Promise<() => Promise<Pick<Effects, 'written' | 'emitted' | 'calls'>>> {
  const source = await readSource(executor);
  const withCalls = await hasCalls(executor);
  const callsNow = (): Promise<readonly CallRow[]> => (withCalls ? readCalls(executor) : Promise.resolve([]));
  const tablesNow = () => (tables ? readTables(executor) : Promise.resolve(new Map()));
  const eventsBefore = new Set((await readOutbox(executor)).map(({ eventId }) => eventId));
  const callsBefore = new Set((await callsNow()).map(({ id }) => id));
  const before = await tablesNow();
  return async () => ({
    written: writtenBetween(before, await tablesNow()),
    emitted: (await readOutbox(executor))
      .filter(({ eventId }) => !eventsBefore.has(eventId))
      .map((row) => emittedOf(row, source)),
    calls: (await callsNow())
      .filter(({ id }) => !callsBefore.has(id))
      .map(({ effect, input, idempotencyKey, step }) => ({ effect, input, idempotencyKey, step })),
  });
}
