import { RecordBatchBuilder } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { START } from '@convergekit/contracts/engine';
import type { TupleBlock } from '@convergekit/postgres/engine';
import { copyExecutorOfClient } from '../../../postgres/src/copy-binary.ts';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { Encoder } from '../batch/encode.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, onClose, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import { OutboxRows } from './outbox-rows.ts';
import { PositionText } from '../batch/position-text.ts';
import { readWindow } from './window-reader.ts';
import { pollOutbox, readLatestTick } from './window-sql.ts';

/**
 * Code that was removed once, and a test here failed:
 * - the wait inside a page while much more is queued than there should be (`overfull` in the read loop);
 * - no tick while a page arrives (`#copying`): it waits for the page, and the page for it;
 * - microseconds of created_at rounded, not floored, as the poll's text is.
 */

closeAfterEach();

async function copiesOf(database: Database) {
  const client = await database.acquire();
  onClose(() => Promise.resolve(client.release()));
  return copyExecutorOfClient(client);
}

function encoded(blocks: readonly TupleBlock[]): Buffer {
  const encoder = new Encoder({ id: '0198c0de-aaaa-7000-8000-000000000001', name: 's', epoch: 1 });
  const batch = new RecordBatchBuilder();
  const rows = new OutboxRows();
  const prev = new PositionText();
  prev.setTo(START);
  encoder.begin(1, { number: 1n, nonce: '00000000000000aa' });
  for (const block of blocks) {
    rows.load(block);
    while (rows.next()) {
      encoder.room(rows);
      encoder.write(rows, batch, prev);
    }
  }
  return batch.seal().bytes;
}

test('a window that the poll returns as text has the records of the one that is read as bytes', async () => {
  const { database } = await withDatabase();
  await database.executor.query(
    `insert into converge.outbox (event_id, topic, key, type, headers, payload, created_at)
     select gen_random_uuid(), 't', key, type, headers, payload, created_at
       from unnest($1::text[]) key, unnest($2::text[]) payload, unnest($3::timestamptz[]) created_at,
            unnest($4::text[]) headers, unnest($5::text[]) type`,
    [
      [' ', 'k', 'ключ', "it's"],
      ['', '{"a":"é\\u0000"}', 'x'.repeat(9_000)],
      [
        '2026-01-01 00:00:00.123999Z',
        '1969-12-31 23:59:59.999499Z',
        '1999-12-31 23:59:59.9995Z',
        '0044-03-15 12:00Z BC',
      ],
      ['{}', '{"traceparent":"00-aa","ce_pos":"x"}'],
      ['a', 'übel'],
    ],
  );
  const { tick: previous, sequence } = await readLatestTick(database.executor);
  await database.executor.query(
    `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'test', 1, 'infinity')`,
  );
  const reply = await pollOutbox(database.executor, {
    previous,
    lowest: 1n,
    page: 1_000,
    floor: sequence,
    nonce: '00000000000000aa',
    epoch: 1,
    lease: 'relay',
    term: 1n,
    always: false,
  });
  expect(reply.rows?.count).toBe(192);
  const tick = reply.tick!;
  for (const rows of [1_000, 7]) {
    const blocks: TupleBlock[] = [];
    const pages = readWindow(
      await copiesOf(database),
      { previous, tick, lowest: 1n, topic: 't' },
      () => rows,
    );
    for await (const page of pages) for await (const block of page) blocks.push(block);
    expect(encoded(blocks).equals(encoded([reply.rows!]))).toBe(true);
  }
});

describe('a page', () => {
  test('pages that break off in the middle, again and again, lose, double and reorder nothing in the end', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 3);
    const [rounds, pageRows] = inject('full') ? [10, 4_000] : [3, 1_200];
    for (let at = 0; at < rounds; at += 1) await writeMany(database, topic, 9_000);
    const service = await started({ database, broker, pageRows });
    let cuts = 0;
    await waitUntil(
      async () => {
        const { rows } = await database.executor.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and query like 'copy (%' and state = 'active' and pid <> pg_backend_pid()`,
        );
        if (cuts < 3) cuts += rows.length;
        const status = service.status();
        return cuts >= 3 || (status.state === 'leading' && status.published >= rounds * 9_000);
      },
      { what: 'connections to be cut', everyMs: 3 },
    );
    await untilDrained(database);
    const verdict = await checkLog(database.executor, topic, await readLog(broker, topic));
    expect(verdict).toMatchObject({ ...faultless, events: rounds * 9_000 });
    process.stderr.write(`cut ${cuts} times while a page arrived: ${JSON.stringify(verdict)}\n`);
  });

  test('a page of events much larger than those before is read as far as there is room', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 1);
    const large = inject('full') ? 1_000 : 500;
    for (let at = 0; at < 4; at += 1) await writeMany(database, topic, 3_000);
    const service = await started({ database, broker, readAheadBytes: 4_000_000, readAheadEvents: 100_000 });
    await untilDrained(database);
    broker.takeDown();
    await database.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       select gen_random_uuid(), $1, 'large', 'test.event', '{}', json_build_object('key', 'large', 'n', n, 'x', repeat('x', 100000))::text
         from generate_series(1, $2::int) n`,
      [topic, large],
    );
    let most = 0;
    const queued = (): number => {
      const status = service.status();
      return status.state === 'leading' ? status.queued : 0;
    };
    await waitUntil(
      () => {
        const now = queued();
        const grown = now > most;
        most = Math.max(most, now);
        return !grown && now > 0 && 'trouble' in service.status();
      },
      { what: 'the read-ahead to end', everyMs: 500 },
    );
    // The total is 8 MB: a page would have had all of it.
    expect(most).toBeLessThan(300);
    broker.restore();
    await untilDrained(database);
    expect((await readLog(broker, topic)).length).toBe(12_000 + large);
  });
});
