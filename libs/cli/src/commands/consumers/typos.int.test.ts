import type { Database } from '@convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { cli } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

/** Nothing listens there. */
const NO_KAFKA = '127.0.0.1:1';
const UNKNOWN = '01999999-9999-7999-8999-999999999999';
const why = ['--reason', 'r', '--yes'];

let database: Database;
let env: Record<string, string>;
beforeEach(async () => {
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'cli' });
  database = made.database;
  env = { DATABASE_URL: made.url, LOG_LEVEL: 'silent' };
  await database.executor.query(`insert into converge.inbox_consumer (name) values ('shelf')`);
  await database.executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
     select 'shelf', 'things', n, 0, 0 from generate_series(0, 1) n`,
  );
});
afterEach(() => database.close());

const refusal = (code: number, text: string) => ({ code, stderr: expect.stringContaining(text) as string });

// Seen to fail: the first two ended with 0 and "0 retried", the next two passed on Postgres's 22P02, the others named another reason.
it.each([
  [['parked', 'retry', 'x', ...why], 2, 'It must be an id'],
  [['parked', 'retry', UNKNOWN, ...why], 1, `there is no parked event ${UNKNOWN}`],
  [['outbox', 'list', '--id', 'foo'], 2, 'It must be the id of an event'],
  [['outbox', 'again', 'foo', '--yes'], 2, 'It must be the id of an event'],
  [['consumers', 'pause', 'shlef', '--reason', 'r'], 1, 'did you mean shelf?'],
  [['consumers', 'pause', 'shelf', '--topic', 'thingz', '--reason', 'r'], 1, 'does not read thingz'],
  [['consumers', 'resume', 'shlef', ...why], 1, 'did you mean shelf?'],
  [['consumers', 'resume', 'shelf', '--topic', 'thingz', ...why], 1, 'did you mean things?'],
  // Planted fault: a partition that is not compared. A resume or replay of one partition is then one of its whole topic.
  [
    ['consumers', 'resume', 'shelf', '--topic', 'things', '--partition', '7', ...why],
    1,
    'does not read partition 7 of things',
  ],
  [['consumers', 'replay', 'shlef', '--topic', 'things', '--everything', ...why], 1, 'did you mean shelf?'],
])('the command `%s` says which name or id nothing has', async (argv, code, text) => {
  expect(await cli(argv, { ...env, KAFKA_BROKERS: NO_KAFKA })).toMatchObject(refusal(code, text));
});

// Seen to fail: the command ended with the broker's error, and showed no halt.
it('`consumers list` shows what is halted while Kafka cannot be reached, and says that the lag is not known', async () => {
  await cli(['consumers', 'pause', 'shelf', '--reason', 'a look'], env);
  const listed = await cli(['consumers', 'list'], { ...env, KAFKA_BROKERS: NO_KAFKA });
  expect(listed.code).toBe(0);
  expect(listed.stdout).toMatch(/^shelf +paused +\? +2 +\?/m);
  expect(listed.stderr).toContain(`is not known: no broker can be reached at ${NO_KAFKA}`);
});

// Seen to fail: the resume ended at the partition of the recreated topic, and the paused one behind it stayed paused.
it('`consumers resume` resumes what can be resumed, and says why another partition stays halted', async () => {
  const local = { ...env, CONVERGE__BROKER: 'local' };
  expect(await cli(['topics', 'create', 'things', '--partitions', '2'], local)).toMatchObject({ code: 0 });
  await database.executor.query(
    `update converge.inbox_partition set state = 'halted', halted_code = 'topic_recreated', halted_reason = 'gone', halted_at = now()
      where partition = 0`,
  );
  expect(await cli(['consumers', 'pause', 'shelf', '--reason', 'a look'], local)).toMatchObject({ code: 0 });
  const resumed = await cli(['consumers', 'resume', 'shelf', '--reason', 'seen'], local);
  expect(resumed).toMatchObject({
    code: 1,
    stdout: 'things/1: resumed at offset 0 (was halted: operator_paused)\n1 partition of shelf resumed\n',
    stderr: expect.stringMatching(/things\/0 stays halted: .*topic_recreated.*--from earliest/) as string,
  });
  expect(await cli(['consumers', 'resume', 'shelf', '--reason', 'seen'], local)).toMatchObject(
    refusal(1, 'nothing is resumed: 1: the log lost their place'),
  );
});
