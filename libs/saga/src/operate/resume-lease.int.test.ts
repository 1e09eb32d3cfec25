import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SagaScene } from '../fixture/saga-scene.ts';
import { pauseSaga, resumeSaga } from './pause.ts';

const by = { by: 'alice', reason: 'the bank charges twice' };
let scene: SagaScene<object>;
beforeAll(async () => {
  scene = await SagaScene.open<object>(inject('stack').databaseUrl, 'select 1');
});
afterAll(() => scene.close());

// Planted fault: without the look at the lease when the times are written, the worker's outcome is lost, and its call is made again.
it('a resume does not move the lease of a call whose worker renews it while the resume runs', async () => {
  const of = { saga: 'renewed' };
  await scene.rows(
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op,
       created_at)
     select gen_random_uuid(), 'c', 'h', 'renewed.pay.apply', 'k', 'i', '{}', '{}', 'renewed', n::text, 'pay', 'apply',
            clock_timestamp() - interval '1 hour' + n * interval '1 second' from generate_series(0, 500) n`,
  );
  await scene.rows(
    `update converge.saga_work set state = 'calling', holder = 'slow', term = 7, due_at = clock_timestamp() - interval '1 second'
      where saga = 'renewed' and instance = '0'`,
  );
  await pauseSaga(scene.database, of, by);
  let renewed: Promise<unknown> | undefined;
  const onProgress = (): void => {
    renewed ??= scene.rows(
      `update converge.saga_work set due_at = clock_timestamp() + interval '1 hour' where saga = 'renewed' and instance = '0'`,
    );
  };
  const client = await scene.database.acquire();
  await client.query('begin');
  // The last batch waits for this lock, so that the renewal comes before it.
  await client.query(`select from converge.saga_pause where saga = 'renewed' for share`);
  const resumed = resumeSaga(scene.database, of, by, { rate: 1_000, onProgress });
  await waitUntil(() => renewed !== undefined, { what: 'the first batch' });
  await renewed;
  await client.query('commit');
  client.release();
  expect(await resumed).toMatchObject({ kind: 'resumed' });
  const held = `select holder, term::int as term, due_at > clock_timestamp() + interval '30 minutes' as leased
                  from converge.saga_work where saga = 'renewed' and instance = '0'`;
  expect(await scene.rows(held)).toEqual([{ holder: 'slow', term: 7, leased: true }]);
});
