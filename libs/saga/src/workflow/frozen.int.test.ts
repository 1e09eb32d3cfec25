import { systemClock } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { defineWorkflow, workflows } from '@convergekit/saga';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { workflowDatabase, workflowOptions, worldStep } from '../fixture/workflow/scene.ts';
import { World } from '../fixture/workflow/world.ts';
import { timePasses } from '../../../testing/src/fixture/any-table.ts';
import { openWorkflow, readWorkflow } from './workflow-sql.ts';

const tagging = (world: World, settleMs = 1_000) =>
  defineWorkflow('tenants.provision', {
    input: z.object({}),
    result: z.object({}),
    steps: { tag: worldStep(world, 'idempotent', { checks: false, settleMs }) },
    body: async (unit) => {
      await unit.step('tag', { name: 'tag' });
      return {};
    },
  });

// Planted fault: a lease that counts from now. The call is sent after the time from which "not found" is final for other processes.
it('a process that was frozen between the journal and the call makes no call under the lease that ended', async () => {
  const { database } = await workflowDatabase(inject('stack').databaseUrl);
  onTestFinished(() => database.close());
  const world = new World();
  const tag = tagging(world);
  let frozenMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + frozenMs };
  const query: Executor['query'] = async (text, values) => {
    const answer = await database.executor.query(text, values);
    if (text.includes('insert into converge.workflow_step')) frozenMs += 3_600_000;
    return answer as never;
  };
  const frozen = Object.create(database, { executor: { value: { query } } }) as typeof database;
  const { startWorkflow } = workflows([tag], { ...workflowOptions, database: frozen, clock });
  await startWorkflow(tag, 'a', {}).catch(() => undefined);
  expect([frozenMs > 0, world.changes]).toEqual([true, []]);
});

// Planted fault: workflows that are due by their time alone. They wait for as long as the clock went back.
it('a workflow whose process died is continued although the clock of the database was set back', async () => {
  const { database } = await workflowDatabase(inject('stack').databaseUrl);
  onTestFinished(() => database.close());
  const tag = tagging(new World());
  const options = { ...workflowOptions, database, idleMs: 200 };
  const { name: workflow } = tag;
  for (const id of ['held', 'waits'])
    await openWorkflow({ database, holder: 'dead', idleMs: 200 } as never, { workflow, id, input: '{}' });
  await database.executor.query(`update converge.workflow set holder = null where id = 'waits'`);
  await timePasses(database.executor, '-2 hours');
  const { worker } = workflows([tag], options);
  await worker.start();
  const ended = async () =>
    (await readWorkflow(database.executor, { workflow, id: 'waits' })).state === 'compensated';
  await waitUntil(ended, { what: 'the workflow that waits' });
  await worker.stop();
  // What a process may still work on is left to it for the longest time that one can take.
  const { rows } = await database.executor.query(
    `select due_at between clock_timestamp() and clock_timestamp() + interval '1 hour' as soon from converge.workflow where id = 'held'`,
  );
  expect(rows).toEqual([{ soon: true }]);
});

const hour = 3_600_000;
const hourly = { baseMs: hour, factor: 1, capMs: hour };

// Planted faults: workflows of before the clock was set back that are known by ten minutes, whatever they wait for.
it.each([
  ['a step that takes an hour to settle', {}, hour],
  ['a caller that waits for an hour', { patienceMs: hour }, undefined],
  [
    'an undo that is tried each hour',
    { schedule: { fast: hourly, fastAttempts: 1, slow: hourly } },
    undefined,
  ],
])('a workflow with %s keeps its time', async (_, change, settleMs) => {
  const { database } = await workflowDatabase(inject('stack').databaseUrl);
  onTestFinished(() => database.close());
  const tag = tagging(new World(), settleMs);
  const { name: workflow } = tag;
  for (const id of ['of before', 'waits'])
    await openWorkflow({ database, holder: 'dead', idleMs: 200 } as never, { workflow, id, input: '{}' });
  const inHours = `case id when 'waits' then interval '50 minutes' else interval '3 hours' end`;
  await database.executor.query(
    `update converge.workflow set holder = null, due_at = clock_timestamp() + ${inHours}`,
  );
  const { worker } = workflows([tag], { ...workflowOptions, database, ...change });
  await worker.start();
  const ended = async () =>
    (await readWorkflow(database.executor, { workflow, id: 'of before' })).state === 'compensated';
  await waitUntil(ended, { what: 'the workflow of before' });
  await worker.stop();
  const { rows } = await database.executor.query(
    `select id from converge.workflow where due_at > clock_timestamp() + interval '30 minutes'`,
  );
  expect(rows).toEqual([{ id: 'waits' }]);
});
