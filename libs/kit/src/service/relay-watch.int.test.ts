import { outboxMigrations } from '@convergekit/outbox';
import { manualClock, waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it } from 'vitest';
import { relayWatch } from './relay-watch.ts';

it('a service without a relay says at its start what waits, once, and when a relay leads', async () => {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, [outboxMigrations]);
  const lines: string[] = [];
  const log = {
    info: (line: string) => void lines.push(line),
    warn: (line: string) => void lines.push(line),
  } as never;
  const clock = manualClock();
  const watch = relayWatch({ executor: database.executor, waits: 'failure events of stock', log, clock });
  await watch.start();
  await waitUntil(() => Promise.resolve(lines.length === 1), { what: 'the line about the relay' });
  await database.executor.query(
    `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'r', 1, clock_timestamp() + interval '1 hour')`,
  );
  await waitUntil(
    async () => {
      await clock.advance(30_000);
      return lines.length === 2;
    },
    { what: 'the line about the leader' },
  );
  await watch.stop();
  await database.close();
  expect(lines).toEqual([
    expect.stringMatching(/^no relay leads .*failure events of stock wait there.*converge relay/),
    'a relay leads the outbox of this database now',
  ]);
});
