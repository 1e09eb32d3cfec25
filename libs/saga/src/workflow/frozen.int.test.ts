import { systemClock } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { defineWorkflow, workflows } from '@convergekit/saga';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { workflowDatabase, workflowOptions, worldStep } from '../fixture/workflow/scene.ts';
import { World } from '../fixture/workflow/world.ts';

// Planted fault: a lease that counts from now. The call is sent after the time from which "not found" is final for other processes.
it('a process that was frozen between the journal and the call makes no call under the lease that ended', async () => {
  const { database } = await workflowDatabase(inject('stack').databaseUrl);
  onTestFinished(() => database.close());
  const world = new World();
  const tag = defineWorkflow({
    name: 'tenants.provision',
    input: z.object({}),
    result: z.object({}),
    steps: { tag: worldStep(world, 'idempotent', { checks: false }) },
    run: async (unit) => {
      await unit.step('tag', { name: 'tag' });
      return {};
    },
  });
  let frozenMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + frozenMs };
  const query: Executor['query'] = async (text, values) => {
    const answer = await database.executor.query(text, values);
    if (text.includes('insert into converge.workflow_step')) frozenMs += 3_600_000;
    return answer as never;
  };
  const frozen = Object.create(database, { executor: { value: { query } } }) as typeof database;
  const { run } = workflows([tag], { ...workflowOptions, database: frozen, clock });
  await run(tag, 'a', {}).catch(() => undefined);
  expect([frozenMs > 0, world.changes]).toEqual([true, []]);
});
