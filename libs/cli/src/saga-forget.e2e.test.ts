import { connect } from '@converge/postgres';
import { freshDatabase } from '@converge/testing';
import { expect, inject, it } from 'vitest';
import { runCli } from './fixture/cli-process.ts';

/** A saga that ended so many days ago, with one step. */
const endedSql = `
  with seen as (
    insert into converge.saga_instance (saga, instance, version, key, state, facts, first_at, ended_at)
    values ('trip', $1, 1, $1, 'completed', '{}', now(), now() - $2 * interval '1 day'))
  insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, changed_at)
  values ('trip', $1, 'room', 1, 'hotel', $1, 'applied', $1, now() - $2 * interval '1 day')`;

it('`converge saga forget` asks first, and says what went, here and in the other services', async () => {
  const { databaseUrl } = inject('stack');
  const [url, other] = [await freshDatabase(databaseUrl, 'here'), await freshDatabase(databaseUrl, 'there')];
  for (const DATABASE_URL of [url, other]) await runCli(['migrate', '--quiet'], { DATABASE_URL });
  const [here, there] = [connect({ url }), connect({ url: other })];
  for (const [instance, days] of [
    ['old', 100],
    ['young', 10],
  ] as const)
    for (const { executor } of [here, there]) await executor.query(endedSql, [instance, days]);
  const forget = (...flags: readonly string[]) =>
    runCli(['saga', 'forget', '--older-than', '90', '--database', other, ...flags], { DATABASE_URL: url });
  expect((await forget('--dry-run')).stdout).toContain('1 sagas would be forgotten');
  const unasked = await forget();
  expect([unasked.code, unasked.stderr]).toEqual([78, expect.stringContaining('wants a yes') as string]);
  const forgotten = await forget('--yes', '--json');
  expect(JSON.parse(forgotten.stdout)).toMatchObject({ sagas: 1, steps: 2, held: 0 });
  for (const { executor } of [here, there]) {
    const { rows } = await executor.query('select instance from converge.saga_fence');
    expect(rows).toEqual([{ instance: 'young' }]);
  }
  await here.close();
  await there.close();
});
