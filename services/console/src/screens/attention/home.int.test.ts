/** What the home page shows, and what it must not hide. */
import { pauseConsumer } from '@convergekit/inbox/operate';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type ConsoleUnderTest, startConsole } from '../../fixture/console-under-test.ts';

interface Item {
  readonly database: string;
  readonly alarm: string;
  readonly severity: string;
  readonly text: string;
  readonly next: string;
}

let shown: ConsoleUnderTest<'orders' | 'inventory'>;
beforeAll(async () => {
  shown = await startConsole(inject('stack').databaseUrl, ['orders', 'inventory'], {
    CONVERGE__DATABASES__LEDGER: 'postgres://absent@127.0.0.1:1/ledger',
  });
  // The databases are sources: a source compares what it sent with the consumers of all databases.
  for (const { executor } of Object.values(shown.databases))
    await executor.query('update converge.relay_source set term = 1');
});
afterAll(() => shown.stop());

async function home(): Promise<{ readonly items: readonly Item[]; readonly unread: readonly object[] }> {
  return (await shown.get('/api/attention')) as unknown as Awaited<ReturnType<typeof home>>;
}

it('a database that cannot be reached is named with its own error, and hides nothing of the others', async () => {
  for (const { executor } of Object.values(shown.databases))
    await executor.query(
      `insert into converge.reconciler (name, held_at, held_reason) values ('copy', clock_timestamp(), 'too many repairs')`,
    );
  const { items, unread } = await home();
  expect(items.map(({ database, alarm }) => `${database} ${alarm}`).toSorted()).toEqual([
    'inventory reconcile_held',
    'orders reconcile_held',
  ]);
  expect(unread).toEqual([{ database: 'ledger', reason: expect.stringMatching(/127\.0\.0\.1:1/) }]);
});

// Planted fault: by the last entry alone, the outage is not seen, as most calls were queried since the breaker refused them.
it('an outage of the other system is one item with its failure, whatever each of its calls did last', async () => {
  const { executor } = shown.databases.orders;
  const failed = (op: string, code: string) => ({ op, failure: { code, category: 'service' } });
  const stories = [
    [
      'bank.charge',
      90,
      [failed('call', 'HTTP_500'), failed('query', 'BREAKER_OPEN'), { op: 'query', found: 'not_found' }],
    ],
    ['bank.charge', 70, [failed('call', 'HTTP_500')]],
    ['mail', 40, [failed('call', 'TIMEOUT')]],
  ] as const;
  for (const [call, seconds, story] of stories)
    await executor.query(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, story, waits_since, due_at)
       values (gen_random_uuid(), 'billing', 'charge', $1, 'k', 'k', '{}', '{"eventId":"e"}', $2,
               clock_timestamp() - $3::int * interval '1 second', clock_timestamp() + interval '20 seconds')`,
      [call, JSON.stringify(story), seconds],
    );
  const { items } = await home();
  expect(items.filter(({ alarm }) => alarm === 'calls_waiting')).toMatchObject([
    {
      database: 'orders',
      severity: 'watch',
      alarm: 'calls_waiting',
      text: '2 calls of bank.charge wait: the last failure is mostly HTTP_500; an open breaker refused 1 of them since',
      next: 'converge call list --name bank.charge',
    },
  ]);
});

it('a paused consumer is one item with its resume, however many partitions it has', async () => {
  const { executor } = shown.databases.inventory;
  await executor.query(`insert into converge.inbox_consumer (name) values ('stock')`);
  await executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
     select 'stock', 'shop.orders', n, 0, 1 from generate_series(0, 29) n`,
  );
  await pauseConsumer(
    shown.databases.inventory,
    { consumer: 'stock' },
    { by: 'ada', reason: 'a bad release' },
  );
  const { items } = await home();
  expect(items.filter(({ text }) => text.includes('stock'))).toMatchObject([
    {
      alarm: 'operator_paused',
      severity: 'watch',
      text: 'stock is paused by ada: a bad release (30 partitions)',
    },
  ]);
});

// Planted fault: an area that may not be read is left out without a word, and home is green.
it('what the login of the console may not read is named, and home does not say that nothing needs attention', async () => {
  const { executor } = shown.databases.orders;
  const role = `narrow_${process.pid}`;
  await executor.query(
    `create role ${role} login password 'narrow'; grant usage on schema converge to ${role}; grant select on converge.migration to ${role}`,
  );
  const url = new URL(shown.environment['CONVERGE__DATABASES__ORDERS'] ?? '');
  url.username = role;
  url.password = 'narrow';
  const narrow = await startConsole(inject('stack').databaseUrl, [], {
    CONVERGE__DATABASES__NARROW: url.href,
  });
  const { items, unread } = (await narrow.get('/api/attention')) as unknown as Awaited<
    ReturnType<typeof home>
  >;
  const page = await narrow.page('/');
  await narrow.stop();
  await executor.query(`drop owned by ${role}; drop role ${role}`);
  expect(items).toEqual([]);
  expect(unread).toMatchObject([
    {
      database: 'a part of narrow',
      reason: expect.stringMatching(/relay alarms, partitions, parked/) as string,
    },
  ]);
  expect(page).not.toContain('Nothing needs attention');
});

it('the list of failures does not say that nothing failed while a database cannot be read', async () => {
  const page = await shown.page('/parked?code=NONE');
  expect(page).toContain('ledger is not shown');
  expect(page).not.toContain('Nothing has failed');
});
