import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createOutbox } from '@convergekit/outbox';
import { type Database, type Executor } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { type Clock, newUuidV7 } from '@convergekit/core';
import type { PlannedEvent, PlannedTransaction, TransactionKind } from './plan.ts';

const outbox = createOutbox([]);
/** The lock time-out of writers: one frozen writer must not freeze all. */
const LOCK_TIMEOUT = `set local lock_timeout = '2s'`;

/** The kinds of one statement. */
const AT_ONCE: readonly TransactionKind[] = ['plain', 'single', 'bulk'];

/** Runs one transaction. Rejects when it was refused or its outcome is unknown: the ledger has the outcome. */
export async function runTransaction(
  database: Database,
  planned: PlannedTransaction,
  clock: Clock,
  relaxed: boolean,
): Promise<void> {
  if (AT_ONCE.includes(planned.kind)) {
    await write(database.executor, planned.events, relaxed);
    return;
  }
  const client = await database.acquire();
  let failed = true;
  try {
    await inSteps(executorOfClient(client), database, planned, clock);
    failed = false;
  } finally {
    // A connection in an unknown state is not used again; its transaction ends with it.
    client.release(failed);
  }
}

/** Writes events in one statement. Returns their ids. */
export async function write(
  executor: Executor,
  events: readonly PlannedEvent[],
  relaxed = false,
): Promise<readonly string[]> {
  const { rows } = await executor.query<{ ids: string[] }>(
    'select soak.write($1::text[], $2::text[], $3::int[], $4)::text[] as ids',
    [events.map(({ topic }) => topic), events.map(({ key }) => key), events.map(({ size }) => size), relaxed],
  );
  return rows[0]?.ids ?? [];
}

async function inSteps(
  tx: Executor,
  database: Database,
  { kind, events, openMs, commits }: PlannedTransaction,
  clock: Clock,
): Promise<void> {
  await tx.query('begin');
  await tx.query(kind === 'async' ? 'set local synchronous_commit = off' : LOCK_TIMEOUT);
  if (kind === 'append') await appendByClient(tx, events);
  else await write(tx, events);
  if (kind === 'savepoint') {
    await tx.query('savepoint a');
    await write(tx, events);
    await tx.query('rollback to savepoint a');
    await tx.query('savepoint b');
    await write(tx, events.slice(0, 1));
    await tx.query('release savepoint b');
  }
  if (kind === 'long') await clock.sleep(openMs);
  if (kind !== 'prepared') {
    await tx.query(kind === 'rollback' ? 'rollback' : 'commit');
    return;
  }
  const gid = `soak-${randomUUID()}`;
  await tx.query(`prepare transaction '${gid}'`);
  await clock.sleep(openMs);
  await database.executor.query(`${commits ? 'commit' : 'rollback'} prepared '${gid}'`);
}

/** Appends as a service does: its own statements, then the kit's append as the last one. */
async function appendByClient(tx: Executor, events: readonly PlannedEvent[]): Promise<void> {
  const topics = events.map(({ topic }) => topic);
  const keys = events.map(({ key }) => key);
  const { rows } = await tx.query<{ numbers: number[] }>(
    'select soak.next($1::text[], $2::text[]) as numbers',
    [topics, keys],
  );
  const numbers = rows[0]?.numbers ?? [];
  const made = events.map(({ topic, key, size }, index) => ({
    id: newUuidV7(),
    type: 'soak.event',
    version: 1,
    topic,
    key,
    payload: JSON.stringify({ n: numbers[index] ?? 0, text: 'ü 漢字 "quoted" '.padEnd(size, '0123456789') }),
  }));
  await tx.query(
    `insert into soak.ledger (topic, key, n, event_id, crc)
     select * from unnest($1::text[], $2::text[], $3::int[], $4::uuid[], $5::bigint[])`,
    [topics, keys, numbers, made.map(({ id }) => id), made.map(({ payload }) => crc32(payload))],
  );
  await outbox.append(tx, made);
}

/** Ends prepared transactions whose client lost the connection, or its process, as far as the database is up. */
export async function endOrphans(
  { executor }: Pick<Database, 'executor'>,
  olderThanMs: number,
  commits: () => boolean,
): Promise<void> {
  const text = `
    select gid from pg_prepared_xacts
     where database = current_database() and prepared < clock_timestamp() - $1 * interval '1 ms'`;
  try {
    for (const { gid } of (await executor.query<{ gid: string }>(text, [olderThanMs])).rows)
      await executor.query(`${commits() ? 'commit' : 'rollback'} prepared '${gid}'`);
  } catch {
    // The database may be down: then the next look.
  }
}
