import { connect, type Database, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { inboxMigrations } from '../migrations.ts';

let database: Database;
beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'rules') });
  await migrate(database, [inboxMigrations]);
  await database.executor.query(`insert into converge.inbox_consumer (name) values ('c')`);
  await database.executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset) values ('c', 't', 0, 0, 0)`,
  );
});
afterAll(() => database.close());

const halted = `state = 'halted', halted_code = 'gap', halted_reason = 'an event is missing', halted_at = now()`;

// Planted fault: each of the conditions taken out of the function `inbox_partition_rules`.
it.each([
  'partition = -1',
  'start_offset = -1',
  'next_offset = -1',
  'halted_offset = -1',
  'pass_offset = -1',
  `state = 'waiting'`,
  `state = 'halted'`,
  `halted_code = 'gap', halted_reason = 'an event is missing', halted_at = now()`,
  halted.replace(`, halted_code = 'gap'`, ''),
  halted.replace(`, halted_reason = 'an event is missing'`, ''),
  halted.replace(', halted_at = now()', ''),
])('inbox_partition refuses a row with %s', async (change) => {
  await expect(
    database.executor.query(`update converge.inbox_partition set ${change}`),
  ).rejects.toMatchObject({
    code: '23514',
    table: 'inbox_partition',
    constraint: 'inbox_partition_rules',
  });
});

// Planted fault: the trigger is not enabled always.
it('a session that replays as a replica is held to the rules of inbox_partition, too', async () => {
  const client = await database.acquire();
  try {
    await client.query('set session_replication_role = replica');
    await expect(client.query(`update converge.inbox_partition set state = 'waiting'`)).rejects.toMatchObject(
      {
        code: '23514',
        constraint: 'inbox_partition_rules',
      },
    );
  } finally {
    client.release(true);
  }
});

it('a partition that is halted with its reason is written, and resumed', async () => {
  for (const change of [
    halted,
    `state = 'running', halted_code = null, halted_reason = null, halted_at = null`,
  ])
    expect((await database.executor.query(`update converge.inbox_partition set ${change}`)).rowCount).toBe(1);
});
