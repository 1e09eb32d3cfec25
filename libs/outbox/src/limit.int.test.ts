/**
 * Planted faults, each seen to fail here: without the check of the limit in either append; without the measurement by a
 * writer when no relay measured; without the owner's rights in outbox_measure; without the share of published ids; without
 * the constraint on the id.
 */
import { randomBytes } from 'node:crypto';
import { classify, httpAnswer } from '@convergekit/resilience';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { openShop, orderPlaced, ordersOf, type Shop } from './fixture/shop.ts';
import { measureOutbox, type OutboxLimit, readLimit, secondsToFull } from './limit.ts';

const MiB = 1_048_576;
let shop: Shop;
beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  return () => shop.database.close();
});

const query = (text: string, values?: readonly unknown[]) => shop.database.executor.query(text, values);
const note = (): string => randomBytes(200_000).toString('hex');

/** Writes an order and its events. */
function place(id: string, events = 1, text = ''): Promise<unknown> {
  return shop.outbox.transaction(shop.database.db, async ({ tx, emit }) => {
    await tx.insertInto('orders').values({ id, cents: 1 }).execute();
    for (let n = 0; n < events; n += 1) emit(orderPlaced({ orderId: id, note: text }));
  });
}

/** Writes 2 MB of unpublished events. */
const fill = (): Promise<unknown> => place('fill', 5, note());

const published = async (): Promise<string> => {
  const { rows } = await shop.database.executor.query<{ id: string }>(
    'select max(id)::text as id from converge.outbox',
  );
  return rows[0]?.id ?? '0';
};

/** Makes the last measurement old, as without a relay. */
const grownOld = async (): Promise<void> => {
  await query(`update converge.source set measured_at = now() - interval '1 minute'`);
  await roomGrownOld();
};
const roomGrownOld = () =>
  query(
    `select setval('converge.outbox_room', last_value - 120) from converge.outbox_room where last_value > 0`,
  );

describe('an outbox at its limit', () => {
  test('G1f: an outbox at its limit refuses every emit by name, and transactions without emits continue', async () => {
    await fill();
    await measureOutbox(shop.database.executor, '0', { maxBytes: MiB, whenFull: 'refuse' });
    for (const events of [1, 2]) {
      const refused = place('a', events);
      await expect(refused).rejects.toMatchObject({ code: 'OUTBOX_FULL', category: 'service' });
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(httpAnswer(classify(error)).status).toBe(503);
    }
    const appended = shop.outbox.append(shop.database.executor, [orderPlaced({ orderId: 'a' })]);
    await expect(appended).rejects.toMatchObject({ code: 'OUTBOX_FULL', certainty: 'not_applied' });
    await expect(query(`select converge.emit('t', 'k', 'a.b', '{}')`)).rejects.toMatchObject({
      code: '53400',
    });
    await place('business', 0);
    expect(await ordersOf(shop)).toEqual(['business', 'fill']);
  });

  test('an outbox accepts events again when others were published, although their rows still exist', async () => {
    await fill();
    await measureOutbox(shop.database.executor, '0', { maxBytes: MiB, whenFull: 'refuse' });
    await expect(place('a')).rejects.toMatchObject({ code: 'OUTBOX_FULL' });
    await measureOutbox(shop.database.executor, await published(), { maxBytes: MiB, whenFull: 'refuse' });
    await place('a');
    expect(await readLimit(shop.database.executor)).toMatchObject({ waitingBytes: 0, refuses: true });
    expect((await readLimit(shop.database.executor)).totalBytes).toBeGreaterThan(2 * MiB);
  });

  test('an outbox whose limit only raises an alarm accepts every event', async () => {
    await fill();
    await measureOutbox(shop.database.executor, '0', { maxBytes: MiB });
    await place('a');
    const limit = await readLimit(shop.database.executor);
    expect(limit.waitingBytes).toBeGreaterThan(limit.maxBytes ?? Infinity);
  });
});

test('writers measure the outbox when no relay does, even with only insert rights', async () => {
  await measureOutbox(shop.database.executor, '0', { maxBytes: MiB, whenFull: 'refuse' });
  await fill();
  await grownOld();
  const role = `writer_${randomBytes(4).toString('hex')}`;
  const client = await shop.database.acquire();
  try {
    await client.query(`create role ${role}; grant usage on schema converge to ${role};
      grant insert, select on converge.outbox to ${role}; grant usage on sequence converge.outbox_id to ${role}; set role ${role}`);
    const emit = client.query(`select converge.emit('t', 'k', 'a.b', '{}')`);
    await expect(emit).rejects.toMatchObject({ code: '53400', constraint: 'outbox_max_bytes' });
    await client.query(`reset role; update converge.source set max_bytes = ${100 * MiB}; set role ${role}`);
    await client.query(`select converge.emit('t', 'k', 'a.b', '{}')`);
  } finally {
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    client.release();
  }
  // The refused writer's measurement was rolled back with it; the accepted writer stored its own.
  expect((await readLimit(shop.database.executor)).measuredAgoMs).toBeDefined();
  expect((await readLimit(shop.database.executor)).waitingBytes).toBeGreaterThan(MiB);
});

test('a repeatable-read transaction older than the last measurement can emit', async () => {
  await measureOutbox(shop.database.executor, '0', { maxBytes: 100 * MiB, whenFull: 'refuse' });
  await grownOld();
  const client = await shop.database.acquire();
  try {
    await client.query('begin isolation level repeatable read; select 1 from converge.source');
    await measureOutbox(shop.database.executor, '0', { maxBytes: 100 * MiB, whenFull: 'refuse' });
    await roomGrownOld();
    await client.query(`select converge.emit('t', 'k', 'a.b', '{}')`);
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await published()).toBe('1');
});

test('the relay does not wait for a writer that measures in an open transaction', async () => {
  await measureOutbox(shop.database.executor, '0', { maxBytes: 100 * MiB, whenFull: 'refuse' });
  await grownOld();
  const client = await shop.database.acquire();
  try {
    await client.query(`begin; select converge.emit('t', 'k', 'a.b', '{}')`);
    await measureOutbox(shop.database.executor, '1', { maxBytes: 200 * MiB });
    await client.query('rollback');
  } finally {
    client.release();
  }
  expect(await readLimit(shop.database.executor)).toMatchObject({ maxBytes: 100 * MiB });
});

// Seen to fail without the trigger: the sequence says that no emit is refused until a relay measures again.
test('a limit that an operator sets by hand holds for the next emit, without a relay', async () => {
  await fill();
  await measureOutbox(shop.database.executor, '0', {});
  await query('update converge.source set max_bytes = 1000, refuse = true');
  await expect(place('a', 1)).rejects.toMatchObject({ code: 'OUTBOX_FULL' });
  await query('update converge.source set max_bytes = null, refuse = false');
  await place('b', 1);
});

// Planted fault: a trigger that looks at `max_bytes` alone. What is published then stands still until a relay measures again.
test('an outbox that an operator has refuse at its limit refuses the next emit, without a relay', async () => {
  await fill();
  await measureOutbox(shop.database.executor, '0', { maxBytes: 1_000 });
  await place('a');
  await query('update converge.source set refuse = true');
  await expect(place('b')).rejects.toMatchObject({ code: 'OUTBOX_FULL' });
});

// Seen to fail when an append reads the row that is updated by each measurement: 46 pages after a thousand.
test('an append looks at no more pages after a thousand measurements under a held snapshot than after a few', async () => {
  const limit = { maxBytes: 100 * MiB, whenFull: 'refuse' } as const;
  const holder = await shop.database.acquire();
  const writer = await shop.database.acquire();
  // Pages of the kit's tables and sequences alone. A session whose copy of the catalog was discarded, since others create databases
  // faster than it follows, reads a thousand pages of the catalog anew.
  const fetched = async (): Promise<number> => {
    const { rows } = await writer.query<{ pages: number }>(
      `select sum(pg_stat_get_xact_blocks_fetched(oid))::int as pages from pg_class where relnamespace = 'converge'::regnamespace`,
    );
    return rows[0]?.pages ?? NaN;
  };
  const pages = async (): Promise<number> => {
    await writer.query('begin');
    const before = await fetched();
    await writer.query(
      `select converge.outbox_append_one(gen_random_uuid(), 't', 'k', 'a.b', '{}', '{}', 0)`,
    );
    const after = await fetched();
    await writer.query('rollback');
    return after - before;
  };
  try {
    await holder.query('begin isolation level repeatable read; select from converge.source');
    for (let count = 0; count < 20; count += 1)
      await measureOutbox(shop.database.executor, `${count}`, limit);
    const early = await pages();
    expect(early).toBeGreaterThan(0);
    for (let count = 0; count < 1_000; count += 1)
      await measureOutbox(shop.database.executor, `${count}`, limit);
    expect(await pages()).toBeLessThan(early + 10);
  } finally {
    writer.release(true);
    holder.release(true);
  }
});

test('an outbox without a limit is not measured by writers', async () => {
  await place('a');
  expect(await readLimit(shop.database.executor)).toMatchObject({
    maxBytes: undefined,
    measuredAgoMs: undefined,
  });
});

test('secondsToFull divides the remaining bytes by the present rate', () => {
  const limit: OutboxLimit = {
    maxBytes: 1_000,
    waitingBytes: 400,
    bytesPerSecond: 6,
    refuses: true,
    totalBytes: 0,
    measuredAgoMs: 0,
  };
  expect(secondsToFull(limit)).toBe(100);
  expect(secondsToFull({ ...limit, bytesPerSecond: -1 })).toBeUndefined();
  expect(secondsToFull({ ...limit, maxBytes: undefined })).toBeUndefined();
  expect(secondsToFull({ ...limit, waitingBytes: 2_000 })).toBe(0);
});

test('an id that JavaScript cannot hold exactly is refused by the table and each new child', async () => {
  const insert = (id: string) =>
    query(`insert into converge.outbox (id, event_id, topic, key, type, headers, payload)
           values (${id}, gen_random_uuid(), 't', 'k', 'a.b', '{}', '{}')`);
  await expect(insert('9007199254740992')).rejects.toMatchObject({ code: '23514' });
  await expect(insert('0')).rejects.toMatchObject({ code: '23514' });
  const { rows } = await shop.database.executor.query<{ child: string }>(
    `select converge.outbox_add_child(10, 1000000) as child`,
  );
  expect(rows[0]?.child).toMatch(/^outbox_\d+$/);
});
