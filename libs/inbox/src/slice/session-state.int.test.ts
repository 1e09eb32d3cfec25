import { waitUntil } from '@convergekit/testing';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

let scene: FailureScene;
const { name, counted } = sceneForEach((opened) => (scene = opened));

// For the fault: a guard that does not mark the connection as unclean.
it.each([
  'set role pg_read_all_stats',
  'set default_transaction_read_only = on',
  'set search_path = nowhere',
  'set session_replication_role = replica',
  `select set_config('search_path', 'nowhere', false)`,
])('“%s” in a handler does not outlive its slice', async (text) => {
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      if (event.data.n === 2) await sql.raw(text).execute(tx);
    }),
  );
  for (let n = 1; n <= 4; n += 1) {
    await scene.source.publish(scene.broker, [counted({ key: 'k', n })]);
    await waitUntil(async () => (await scene.offset()) >= n, { what: `event ${n}` });
  }
  expect((await lines(scene.database)).map(({ n }) => n)).toEqual([1, 2, 3, 4]);
  const state = `select current_user <> session_user as "otherRole", current_setting('search_path') as path,
                        current_setting('default_transaction_read_only') as "readOnly",
                        current_setting('session_replication_role') as replication`;
  const { max } = scene.database.pool.options;
  const clients = await Promise.all(Array.from({ length: max }, () => scene.database.acquire()));
  const states = await Promise.all(
    clients.map(async (client) => (await client.query<object>(state)).rows[0]),
  );
  for (const client of clients) client.release();
  const clean = { otherRole: false, path: '"$user", public', readOnly: 'off', replication: 'origin' };
  expect(states).toEqual(states.map(() => clean));
});
