import { randomUUID } from 'node:crypto';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Executor } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it } from 'vitest';
import { rangesIn, readEvents, readSeen } from './outbox-sql.ts';
import { ALWAYS } from './window.ts';

it('a search of the outbox in a span of time reads a range of its primary key, not the whole table', async () => {
  const { database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, relayMigrations],
    { max: 1 },
  );
  const { executor } = database;
  const [asked, answer, later] = [randomUUID(), randomUUID(), randomUUID()];
  const start = Date.UTC(2026, 0, 1);
  // Rows of two hours, one a second, with gaps in the ids. One answer comes 90 s after its cause, another 100 minutes
  // after.
  await executor.query(
    `insert into converge.outbox (id, event_id, topic, key, type, headers, payload, created_at)
     select n * 3, case n when 600 then $1::uuid when 690 then $2::uuid when 6600 then $3::uuid else gen_random_uuid() end,
            't', 'k', 'x', case when n in (690, 6600) then json_build_object('ce_causationid', $1)::text else '{}' end, '{}',
            $4::timestamptz + n * interval '1 second' from generate_series(1, 7200) n`,
    [asked, answer, later, new Date(start).toISOString()],
  );
  const found = async (windows: Parameters<typeof rangesIn>[1]) => {
    const ranges = await rangesIn(executor, windows);
    const stored = await readEvents(executor, [asked], ranges);
    return { ranges, ids: stored.map((one) => ('eventId' in one ? one.eventId : '')) };
  };
  const at = (second: number): number => start + second * 1_000;
  const near = await found([{ from: at(540), to: at(1_200) }]);
  expect(near.ids).toEqual([asked, answer]);
  // Planted fault: a look-up ordered by the output's id, which is text, finds nothing here.
  expect(near.ranges).toEqual([{ low: 540n * 3n - 2n, high: 1_200n * 3n - 2n }]);
  expect((await found([ALWAYS])).ids).toEqual([asked, answer, later]);
  expect(await found([{ from: at(100_000), to: at(200_000) }])).toEqual({ ranges: [], ids: [] });
  expect(await found([{ from: at(-500), to: at(-100) }])).toEqual({ ranges: [], ids: [] });
  await database.close();
});

// Planted fault: a join of the spans with the rows, which reads all of them once there is more than one span.
it('foreign events that a consumer saw in several spans of time are looked up by the index on their time', async () => {
  const { database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations],
    { max: 1 },
  );
  const start = Date.UTC(2026, 0, 1);
  await database.executor.query(
    `insert into converge.inbox_foreign (consumer, identity, payload_hash, event_id, topic, partition, record_offset, seen_at)
     select 'c', sha256(n::text::bytea), sha256('x'), 'e' || n, 't', 0, n, $1::timestamptz + n * interval '1 second'
       from generate_series(1, 200000) n`,
    [new Date(start).toISOString()],
  );
  await database.executor.query('vacuum analyze converge.inbox_foreign');
  const plans: string[] = [];
  const explaining: Executor = {
    query: async <R>(text: string, values?: readonly unknown[]) => {
      plans.push(
        JSON.stringify((await database.executor.query(`explain (format json) ${text}`, values)).rows),
      );
      return database.executor.query<R>(text, values);
    },
  };
  const spans = [1_000, 50_000, 150_000].map((second) => ({
    from: start + second * 1_000,
    to: start + (second + 600) * 1_000,
  }));
  const seen = await readSeen(explaining, ['e1200', 'e150600', 'e60000'], spans);
  expect(seen).toMatchObject([{ eventId: 'e1200' }]);
  expect(plans.join()).toContain('inbox_foreign_seen');
  await database.close();
});
