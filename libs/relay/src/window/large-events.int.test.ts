import { memoryBroker } from '@convergekit/broker/testing';
import { copyExecutorOfClient } from '../../../postgres/src/copy-binary.ts';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { hookedBroker } from '../fixture/hooked-broker.ts';
import { closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';
import { readIndexed } from './read-sql.ts';
import type { Relay } from '../relay.ts';
import { pollOutbox, readLatestTick } from './window-sql.ts';

/**
 * Planted faults, each seen to fail here: without the bytes in the poll's `size` 60 events of a burst are in memory at once,
 * without those in the indexed read's 42.
 */

closeAfterEach();

const EVENTS = 60;
const BYTES = 900_000;

const burst = (database: Database, topic: string) =>
  database.executor.query(
    `insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), $1, 'k' || n, 'test.event', '{}', '"' || repeat('x', ${BYTES}) || '"' from generate_series(1, ${EVENTS}) n`,
    [topic],
  );

test('G1g: a burst of large events is in memory only as far as the read-ahead has room for its bytes', async () => {
  const { database } = await withDatabase();
  const inner = closing(memoryBroker());
  const topic = await createTopic(inner, topicName(), 1);
  const running: { service?: Relay } = {};
  let most = 0;
  const broker = hookedBroker(inner, {
    send: (batches, write) => {
      const status = running.service?.status();
      if (status?.state === 'leading') most = Math.max(most, status.queued);
      return write(batches);
    },
  });
  const readAheadBytes = 8 * BYTES;
  running.service = await started({ database, broker, readAheadBytes });
  await waitUntil(() => running.service?.status().state === 'leading', { what: 'the relay to lead' });
  // No large event was seen yet, so the poll asks for as many rows as there are.
  await burst(database, topic);
  await untilDrained(database);
  expect(inner.records(topic, 0)).toHaveLength(EVENTS);
  expect(most).toBeGreaterThan(0);
  // The bound: the room, a page beyond it, and the event with which it was seen.
  expect(most).toBeLessThanOrEqual(8 + 2 + 1);
});

test('G1g: a window with more bytes than a statement may return comes as no rows at all, by the poll and by the index', async () => {
  const { database } = await withDatabase();
  const client = await database.acquire();
  onClose(() => Promise.resolve(client.release(true)));
  await database.executor.query(
    `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'test', 1, 'infinity')`,
  );
  await burst(database, 't');
  const { tick: previous } = await readLatestTick(database.executor);
  const request = { previous, lowest: 1n, page: 500, floor: 0n, nonce: '00000000000000aa', epoch: 1 };
  const asked = { ...request, lease: 'relay', term: 1n, always: false };
  const { tick, rows } = await pollOutbox(database.executor, { ...asked, bytes: (EVENTS - 1) * BYTES });
  // The count is compared, not the rows: a failure would print all of them.
  expect(rows?.count).toBeUndefined();
  const copies = copyExecutorOfClient(client);
  const part = { xidBelow: tick!.snapshot.xmax, idTo: tick!.ceil };
  const read = async (bytes: number) =>
    (await readIndexed(copies, { previous, tick: tick!, lowest: 1n, bytes }, 500, part))?.length;
  expect(await read((EVENTS - 1) * BYTES)).toBeUndefined();
  expect(await read((EVENTS + 1) * BYTES)).toBeGreaterThan(0);
});
