import type { Database } from '@convergekit/postgres';
import { BusinessRejection } from '@convergekit/core';
import { defineWorkflow, workflows } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import {
  mailStep,
  workflowDatabase,
  workflowOptions,
  type TenantDb,
  worldStep,
} from '../../../../saga/src/fixture/workflow/scene.ts';
import { World } from '../../../../saga/src/fixture/workflow/world.ts';
import { cli } from '../../fixture/cli.ts';

describe('converge workflow', () => {
  const world = new World();
  let database: Database<TenantDb>;
  let env: Record<string, string>;
  beforeAll(async () => {
    const made = await workflowDatabase(inject('stack').databaseUrl);
    database = made.database;
    env = { DATABASE_URL: made.url };
  });
  afterAll(() => database.close());

  it('S56, S57, G6j: `converge workflow` shows stuck workflows with the reason, records an outcome that an operator states, and verifies the journal', async () => {
    const invite = defineWorkflow('guests.invite', {
      input: z.null(),
      result: z.null(),
      steps: { bucket: worldStep(world, 'keyed', { checks: true }), mail: mailStep(world) },
      body: async (unit) => {
        await unit.step('bucket', { name: 'bucket' });
        await unit.step('mail', { name: 'mail' });
        throw new BusinessRejection('the party is off');
      },
    });
    const stacks = workflows([invite], { ...workflowOptions, database });
    await expect(stacks.startWorkflow(invite, 'g1', null)).rejects.toMatchObject({ code: 'WORKFLOW_STUCK' });
    const workflow = (what: string, ...rest: string[]) => cli(['workflow', what, ...rest], env);

    expect((await workflow('list')).stdout).toContain('stuck: irreversible');
    const shown = await workflow('show', 'guests.invite', 'g1', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      plan: [
        { path: 'mail', does: 'irreversible' },
        { path: 'bucket', does: 'undo' },
      ],
    });
    const leave = [
      'resolve',
      'guests.invite',
      'g1',
      '--effect-stays',
      '--reason',
      'they have read it',
    ] as const;
    expect((await workflow(...leave)).code).toBe(2);
    const left = await workflow(...leave, '--yes', '--json');
    expect([left.code, JSON.parse(left.stdout)]).toEqual([
      0,
      {
        resolved: { workflow: 'guests.invite', id: 'g1', step: 'mail' },
        outcome: 'effect_stays',
      },
    ]);
    await stacks.worker.start();
    const ended = () =>
      workflow('list', '--state', 'compensated').then(({ stdout }) => stdout.includes('g1'));
    await waitUntil(ended, { what: 'the worker to undo the rest' });
    await stacks.worker.stop();
    expect([...world.there.values()]).toEqual(['mail']);

    const passed = await workflow('verify', 'guests.invite', 'g1');
    expect([passed.code, passed.stdout]).toEqual([0, expect.stringContaining('rows checked, 0 findings')]);
    await database.executor.query(`delete from converge.workflow_step where id = 'g1' and seq = 2`);
    const failed = await workflow('verify', 'guests.invite', 'g1');
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('row 2 is missing before it')]);
  });
});
