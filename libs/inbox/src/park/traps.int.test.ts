import type { Database, Executor } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type LedgerDb, ledgerDatabase } from '../fixture/ledger.ts';
import { extendLines, insertParked, openLines } from './parked-sql.ts';
import { editParked } from '../operate/parked.ts';
import { dropEmptyLine, type LeasedKey } from './claim-sql.ts';
import { readHeads, releaseLine, takeHeads } from './head-sql.ts';
import { type NewParked, parkedRow } from './parked-row.ts';

const at = { consumer: 'c', topic: 't', partition: 0 };
const key: LeasedKey = { consumer: 'c', topic: 't', key: 'k', term: 0n };

/** Tests of all statements of parking and release against each other, in two sessions. */
describe('a slice that appends while a drain releases', () => {
  let database: Database<LedgerDb>;
  beforeEach(async () => {
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    await openLines(database.executor, at, [{ line: 'k', count: 1, state: 'waiting', waitMs: 0 }]);
  });
  const open = new Set<Awaited<ReturnType<Database['acquire']>>>();
  afterEach(async () => {
    for (const client of open) client.release(true);
    open.clear();
    await database.close();
  });

  async function session() {
    const client = await database.acquire();
    open.add(client);
    const tx = executorOfClient(client);
    await tx.query('begin');
    const end = (how: 'commit' | 'rollback') => async (): Promise<void> => {
      await tx.query(how);
      open.delete(client);
      client.release();
    };
    return { tx, commit: end('commit'), rollback: end('rollback') };
  }
  const blocked = () =>
    waitUntil(() => waitsForLock(database.executor), { what: 'one session to wait for the other' });
  const append = async (tx: Database['executor']) => {
    const tails = await extendLines(tx, at, [{ line: 'k', count: 1 }]);
    const seq = tails.get('k');
    if (seq !== undefined) await insertParked(tx, [row(seq)]);
    return seq;
  };
  const left = async () =>
    (await database.executor.query('select line from converge.parked where line is not null')).rows;
  const keys = async () => (await database.executor.query('select key from converge.parked_key')).rows;

  // Planted fault: a release that does not compare the tail is refused by the foreign key here (23503).
  it('G5a: a slice that appends before a release keeps its key: the release waits, and finds another tail', async () => {
    const [slice, drain] = [await session(), await session()];
    expect(await append(slice.tx)).toBe(2n);
    const released = releaseLine(drain.tx, key, 1n);
    await blocked();
    await slice.commit();
    await expect(released).resolves.toBeUndefined();
    await drain.commit();
    expect([await left(), await keys()]).toEqual([[{ line: 'k' }], [{ key: 'k' }]]);
  });

  it('a slice that appends after a release finds the key released, and is repeated', async () => {
    const [slice, drain] = [await session(), await session()];
    expect(await releaseLine(drain.tx, key, 1n)).toBeGreaterThanOrEqual(0);
    const appended = append(slice.tx);
    await blocked();
    await drain.commit();
    expect(await appended).toBeUndefined();
    await slice.commit();
    expect([await left(), await keys()]).toEqual([[], []]);
  });

  it('a release by `delete … where not exists` would lose the key of an appended event, if not for the foreign key', async () => {
    const naive = `delete from converge.parked_key k where key = 'k'
       and not exists (select from converge.parked p where p.consumer = k.consumer and p.topic = k.topic and p.line = k.key)`;
    const race = async () => {
      const [slice, drain] = [await session(), await session()];
      await append(slice.tx);
      const released = drain.tx.query(naive).catch((error: unknown) => error);
      await blocked();
      await slice.commit();
      const outcome = await released;
      await drain.commit();
      return outcome;
    };
    expect(await race()).toMatchObject({ code: '23503' });
    await database.executor.query('delete from converge.parked');
    await database.executor.query(
      'alter table converge.parked drop constraint parked_consumer_topic_line_fkey',
    );
    await race();
    expect([await left(), await keys()]).toEqual([[{ line: 'k' }], []]);
  });

  it('a drain that releases an empty line sees a concurrent append, since it checks after it has locked', async () => {
    const [slice, drain] = [await session(), await session()];
    await append(slice.tx);
    const dropped = dropEmptyLine(drain.tx, key);
    await blocked();
    await slice.commit();
    expect(await dropped).toBe(false);
    await drain.commit();
    expect(await keys()).toEqual([{ key: 'k' }]);
  });

  // Planted fault: without the time of its last change, the handler gets the payload that the operator replaced.
  it('a drain takes no event whose payload an operator edited since the drain read it', async () => {
    const { executor } = database;
    await withPartition(executor);
    await append(executor);
    const [head] = await readHeads(executor, key, 1);
    const edited = Buffer.from('{"n":2}');
    await editParked(database, head!.id, edited, { by: 'ann', reason: 'a typo' });
    expect(await takeHeads(executor, key, [head!])).toBe(false);
    const [again] = await readHeads(executor, key, 1);
    expect(again?.record.value).toEqual(edited);
    expect(await takeHeads(executor, key, [again!])).toBe(true);
  });

  it('a drain takes all events that it read of a line, or none', async () => {
    const { executor } = database;
    await withPartition(executor);
    await append(executor);
    await append(executor);
    const [first, second] = await readHeads(executor, key, 9);
    await executor.query('update converge.parked set tries = tries + 1 where seq = $1', [`${second!.seq}`]);
    const drain = await session();
    expect(await takeHeads(drain.tx, key, [first!, second!])).toBe(false);
    await drain.rollback();
    await executor.query('update converge.parked set tries = tries - 1 where seq = $1', [`${second!.seq}`]);
    expect(await takeHeads(executor, key, [first!, second!])).toBe(true);
    expect(await left()).toEqual([]);
  });

  // Planted faults: without the run the event takes effect with the data that an operator has replaced since it was read; without
  // the number of attempts a drain that was frozen makes one more, before its time.
  it('a drain takes no event that was tried, or started anew by an operator, since the drain read it', async () => {
    const { executor } = database;
    await withPartition(executor);
    await append(executor);
    const head = (await readHeads(executor, key, 1))[0]!;
    const taken: boolean[] = [];
    for (const change of ['tries = tries + 1', 'run = run + 1, tries = 0', 'run = run - 1']) {
      await executor.query(`update converge.parked set ${change}`);
      taken.push(await takeHeads(executor, key, [head]));
    }
    expect(taken).toEqual([false, false, true]);
  });
});

/** The row of the partition, which a drain locks. */
async function withPartition(executor: Executor): Promise<void> {
  await executor.query(`insert into converge.inbox_consumer (name) values ('c')`);
  await executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset) values ('c', 't', 0, 0, 0)`,
  );
}

const row = (seq: bigint): NewParked => {
  const place = { topic: 't', partition: 0, offset: 0n, timestampMs: 0 };
  const event = {
    id: `00000000-0000-4000-8000-00000000000${seq}`,
    consumer: 'c',
    topicId: null,
    handler: 'h',
    record: { ...place, key: Buffer.from('k'), value: null, headers: [] },
    envelope: undefined,
  };
  return parkedRow(event, 'waiting', { line: 'k', seq }, undefined);
};
