/** What the home page shows, and what it must not hide. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type ConsoleUnderTest, startConsole } from '../../fixture/console-under-test.ts';

interface Item {
  readonly database: string;
  readonly kind: string;
  readonly alarm: string;
  readonly severity: string;
  readonly text: string;
  readonly next: string;
}

let shown: ConsoleUnderTest<'orders' | 'inventory'>;
beforeAll(async () => {
  shown = await startConsole(inject('stack').databaseUrl, ['orders', 'inventory'], {
    CONVERGE__CONSOLE__DATABASES__LEDGER: 'postgres://nobody@127.0.0.1:1/ledger',
  });
  // The databases are sources: a source compares what it sent with the consumers of all databases.
  for (const { executor } of Object.values(shown.databases))
    await executor.query('update converge.relay_source set term = 1');
});
afterAll(() => shown.stop());

async function home(): Promise<{ readonly items: readonly Item[]; readonly unread: readonly object[] }> {
  const answer = await fetch(new URL('/api/attention', shown.url));
  return (await answer.json()) as Awaited<ReturnType<typeof home>>;
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
