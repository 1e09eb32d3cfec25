import { defineWorkflow, workflows } from '@convergekit/saga';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { workflowDatabase, workflowOptions, worldStep } from '../fixture/workflow/scene.ts';
import { World } from '../fixture/workflow/world.ts';

// Planted faults: without the admission of a turn the third call is made, and without that of undos the two calls are undone at once.
it('calls and undos of a workflow take from the quota of the other system, and wait for it', async () => {
  const { database } = await workflowDatabase(inject('stack').databaseUrl);
  onTestFinished(() => database.close());
  const world = new World();
  const quota = { name: 'world', perSecond: 1 / 3_600, burst: 2 };
  const step = worldStep(world, 'keyed', { checks: false, quota });
  const limited = defineWorkflow('tenants.limited', {
    input: z.object({}),
    result: z.null(),
    steps: { one: step, two: step, three: step },
    body: async (unit) => {
      await unit.step('one', { name: 'one' });
      await unit.step('two', { name: 'two' });
      await unit.step('three', { name: 'three' });
      return null;
    },
  });
  const { startWorkflow } = workflows([limited], { ...workflowOptions, database });
  const end = () =>
    startWorkflow(limited, 'a', {}).then(
      () => 'completed',
      (error: unknown) => (error as { code: string }).code,
    );
  expect([await end(), world.changes]).toEqual(['WORKFLOW_UNFINISHED', ['+one', '+two']]);
  const { rows } = await database.executor.query<{ data: string }>(
    `select data from converge.workflow_step where id = 'a' and kind in ('failed', 'undo_failed') order by seq`,
  );
  expect(rows.map(({ data }) => data.includes('QUOTA_USED_UP'))).toEqual([true, true]);
  await database.executor.query(`update converge.call_quota set earned_at = '-infinity'`);
  // Time that passes for the quota, too, would earn it: the workflow alone is due.
  await database.executor.query('update converge.workflow set due_at = clock_timestamp()');
  expect([await end(), world.changes]).toEqual(['WORKFLOW_COMPENSATED', ['+one', '+two', '-two', '-one']]);
});
