import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { defineWorkflow, type LocalContext, localStep, workflows } from '@convergekit/saga';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  later,
  shownWorkflow,
  provisionWorkflow,
  workflowDatabase,
  workflowOptions,
  worldStep,
  type TenantDb,
} from '../fixture/workflow/scene.ts';
import { z } from 'zod';
import { World } from '../fixture/workflow/world.ts';

let url: string;
let database: Database<TenantDb>;
let world: World;
let count = 0;
let id: string;

beforeAll(async () => {
  ({ url, database } = await workflowDatabase(inject('stack').databaseUrl));
});
afterAll(() => database.close());
beforeEach(() => {
  world = new World();
  count += 1;
  id = `t${count}`;
});

const serviceOf = (recovery: 'undo' | 'resume' = 'undo') => {
  const provision = provisionWorkflow(world, recovery);
  return { provision, ...workflows([provision], { ...workflowOptions, database }) };
};
const codeOf = (error: unknown) => (error instanceof ConvergeError ? error.code : error);
const rowsOf = async () =>
  (await database.db.selectFrom('tenant').selectAll().where('id', '=', id).execute()).length;
const verdict = () => shownWorkflow(url, 'tenants.provision', id);

describe('a workflow', () => {
  it('a workflow keeps all effects when its body returns, and answers a repeat from the journal', async () => {
    const { startWorkflow, provision } = serviceOf();
    const answer = { bucket: 'ref-bucket', billing: 'ref-account' };
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'ok' })).toEqual(answer);
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'ok' })).toEqual(answer);
    expect(world.changes).toEqual(['+bucket', '+account', '+card', '+route']);
    expect(await rowsOf()).toBe(1);
    expect(await verdict()).toMatchObject({ findings: [], state: 'completed' });
    const other = startWorkflow(provision, id, { billing: 'fails', end: 'ok' });
    expect(await other.catch(codeOf)).toBe('WORKFLOW_KEY_REUSED');
  });

  it('a workflow undoes all steps, the last one first, when its body throws', async () => {
    const { startWorkflow, provision } = serviceOf();
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe(
      'WORKFLOW_COMPENSATED',
    );
    expect(world.changes.slice(4)).toEqual(['-route', '-card', '-account', '-bucket']);
    expect([world.there.size, await rowsOf()]).toEqual([0, 0]);
    const { findings, state, plan } = await verdict();
    expect([findings, state]).toEqual([[], 'compensated']);
    expect(plan).toEqual(
      ['route', 'billing/card', 'billing/account', 'row', 'bucket'].map((path) => `${path} done`),
    );
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe(
      'WORKFLOW_COMPENSATED',
    );
  });

  it('a workflow fails at a step that returns before its statement is answered, and writes nothing of it', async () => {
    const text = z.object({ id: z.string() });
    const forgetful = localStep({
      input: text,
      result: text,
      apply: (row, { tx }: LocalContext<TenantDb>) => {
        void tx.insertInto('tenant').values({ id: row.id, plan: 'late' }).execute();
        return Promise.resolve(row);
      },
      compensate: () => Promise.resolve('done' as const),
    });
    const workflow = defineWorkflow('tenants.forgetful', {
      recovery: 'undo',
      input: text,
      result: text,
      steps: { forgetful },
      body: (unit, wanted: { id: string }) => unit.step('forgetful', wanted),
    });
    const { startWorkflow } = workflows([workflow], { ...workflowOptions, database });
    const failed = startWorkflow(workflow, id, { id });
    await expect(failed).rejects.toThrow('`await` is missing: a step of workflow tenants.forgetful');
    expect(await rowsOf()).toBe(0);
  });

  it('S29: a workflow undoes the scope whose failure is caught, and nothing else', async () => {
    const { startWorkflow, provision } = serviceOf();
    expect(await startWorkflow(provision, id, { billing: 'fails', end: 'ok' })).toEqual({
      bucket: 'ref-bucket',
      billing: 'none',
    });
    expect(world.changes).toEqual(['+bucket', '+account', '+card', '-card', '-account', '+route']);
    expect(await verdict()).toMatchObject({ findings: [], state: 'completed' });
  });

  it('a workflow leaves an undo that fails to the workers, which retry until it is done', async () => {
    const { startWorkflow, provision, worker } = serviceOf();
    world.fault('-account', 'refuse', 'reply_lost');
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe(
      'WORKFLOW_UNFINISHED',
    );
    expect(world.changes.slice(4)).toEqual(['-route', '-card']);
    await worker.start();
    await waitUntil(async () => (await verdict()).state === 'compensated', {
      what: 'the worker to undo the rest',
    });
    await worker.stop();
    expect(world.changes.slice(4)).toEqual(['-route', '-card', '-account', '-bucket']);
    expect((await verdict()).findings).toEqual([]);
  });

  it('a workflow queries the outcome of a call before it repeats or undoes anything', async () => {
    const { startWorkflow, provision } = serviceOf();
    world.fault('+account', 'reply_lost');
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'ok' })).toMatchObject({
      billing: 'ref-account',
    });
    id = `${id}-lost`;
    world.fault('+route', 'request_lost');
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'ok' }).catch(codeOf)).toBe(
      'WORKFLOW_UNFINISHED',
    );
    await later(database);
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'ok' }).catch(codeOf)).toBe(
      'WORKFLOW_COMPENSATED',
    );
    const { plan } = await verdict();
    expect(plan).toEqual([
      'route noop_not_applied',
      'billing/card done',
      'billing/account done',
      'row done',
      'bucket done',
    ]);
  });

  // Planted fault: an undo that waits for nothing (`notBeforeMs` of undo-step.ts returns 0).
  it('the undo of a call that is repeatable without a key waits until a lost call can no longer arrive', async () => {
    const tag = defineWorkflow('tenants.provision', {
      input: z.object({}),
      result: z.object({}),
      steps: { tag: worldStep(world, 'idempotent', { checks: false }) },
      body: async (unit) => {
        await unit.step('tag', { name: 'tag' });
        throw new BusinessRejection('the name is taken', { code: 'NAME_TAKEN' });
      },
    });
    const { startWorkflow } = workflows([tag], { ...workflowOptions, database });
    world.fault('+tag', 'late');
    const tried = () => startWorkflow(tag, id, {}).catch(codeOf);
    await waitUntil(async () => (await tried()) && world.changes.length > 0, {
      what: 'the call to be repeated',
    });
    expect([await tried(), world.changes]).toEqual(['WORKFLOW_UNFINISHED', ['+tag']]);
    world.arrive(Infinity);
    await later(database);
    expect([await tried(), world.changes]).toEqual(['WORKFLOW_COMPENSATED', ['+tag', '-tag']]);
  });

  it('S56: a workflow finds that another process has already undone a step', async () => {
    const { startWorkflow, provision } = serviceOf();
    world.fault('-route', 'refuse');
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe(
      'WORKFLOW_UNFINISHED',
    );
    world.there.delete(`tenants.provision/${id}/bucket`);
    await database.db.deleteFrom('tenant').where('id', '=', id).execute();
    await later(database);
    expect(await startWorkflow(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe(
      'WORKFLOW_COMPENSATED',
    );
    const { findings, plan } = await verdict();
    expect([findings, plan.slice(3)]).toEqual([[], ['row noop_already', 'bucket noop_already']]);
    expect(world.changes.at(-1)).toBe('-account');
  });
});
