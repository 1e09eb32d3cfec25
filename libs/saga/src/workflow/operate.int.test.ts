import { ConvergeError } from '@convergekit/core';
import { defineWorkflow, type Unit, workflows, type WorkflowsOptions } from '@convergekit/saga';
import type { Database } from '@convergekit/postgres';
import { stressService } from '@convergekit/core/service-stress';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import {
  mailStep,
  rowStep,
  workflowDatabase,
  workflowOptions,
  type TenantDb,
  worldStep,
} from '../fixture/workflow/scene.ts';
import { World } from '../fixture/workflow/world.ts';
import { resolveWorkflow, retryWorkflow, stuckStepOf } from './operate/act-on-workflow.ts';
import { verifyWorkflow } from './verify.ts';
import { forgetWorkflows, listWorkflows, readWorkflow } from './workflow-sql.ts';

let database: Database<TenantDb>;
let world: World;
let id: string;
let count = 0;
const by = { by: 'ada', reason: 'seen in the console of the other side' };

beforeAll(async () => {
  ({ database } = await workflowDatabase(inject('stack').databaseUrl));
});
afterAll(() => database.close());
beforeEach(() => {
  world = new World();
  alarms.length = 0;
  count += 1;
  id = `o${count}`;
});

interface Steps {
  bucket: ReturnType<typeof worldStep>;
  blind: ReturnType<typeof worldStep>;
  mail: ReturnType<typeof mailStep>;
  row: typeof rowStep;
}
/** The alarms `workflow_stuck` of a test, with id and reason. A worker with a bound of 1 ms finds others overdue. */
const alarms: string[] = [];
const quiet = { info: () => undefined, warn: () => undefined, debug: () => undefined };
const log = {
  ...quiet,
  error: ({ alarm, id: of, reason }: { alarm?: string; id?: string; reason?: string }) => {
    if (alarm !== 'workflow_overdue') alarms.push(`${alarm ?? ''} ${of ?? ''} ${reason ?? ''}`);
  },
} as unknown as NonNullable<WorkflowsOptions<TenantDb>['log']>;
type Body = (unit: Unit<Steps>) => Promise<void>;
const codeOf = (error: unknown) => (error instanceof ConvergeError ? error.code : error);
const key = () => ({ workflow: 'test.operate', id });
const record = () => readWorkflow(database.executor, key());
const verdict = async () => verifyWorkflow(await record());
const ended = (state: string) =>
  waitUntil(async () => (await record()).state === state, { what: `the worker to end it ${state}` });

/** A workflow with that body, and its worker running until the end of the test. */
function scene(body: Body, more: Partial<WorkflowsOptions<TenantDb>> = {}) {
  const workflow = defineWorkflow('test.operate', {
    input: z.null(),
    result: z.null(),
    steps: {
      bucket: worldStep(world, 'keyed', { checks: true }),
      blind: worldStep(world, 'none', { checks: false }),
      mail: mailStep(world),
      row: rowStep,
    },
    body: async (unit) => {
      await body(unit);
      return null;
    },
  });
  const service = workflows([workflow], { ...workflowOptions, database, log, ...more });
  return { worker: service.worker, run: () => service.startWorkflow(workflow, id, null).catch(codeOf) };
}

describe('a workflow that is stuck', () => {
  it('G6j, S56: a workflow with a step that cannot be undone waits for an operator, who may accept its effect; the rest is undone', async () => {
    const { run, worker } = scene(async (unit) => {
      await unit.step('bucket', { name: 'bucket' });
      await unit.step('mail', { name: 'mail' });
      throw new TypeError('a fault of the body');
    });
    expect(await run()).toBe('WORKFLOW_STUCK');
    expect(await record()).toMatchObject({ state: 'stuck', stuckReason: 'irreversible' });
    expect(world.changes).toEqual(['+bucket', '+mail']);
    expect(await run()).toBe('WORKFLOW_STUCK');
    const wrong = resolveWorkflow(database, key(), { kind: 'failed', code: 'NOT_SENT' }, by);
    expect(await wrong.catch(codeOf)).toBe('WORKFLOW_NOT_RESOLVABLE');
    const stays = (seen: { readonly step: number }) =>
      resolveWorkflow(database, key(), { kind: 'effect_stays' }, by, seen);
    const stuck = await stuckStepOf(database.executor, key());
    expect(stuck).toMatchObject({ step: 2, path: 'mail', reason: 'irreversible' });
    // Planted fault: without the look at `seen` an operator's word about one step is recorded for another.
    expect(await stays({ step: 1 }).catch(codeOf)).toBe('WORKFLOW_NOT_RESOLVABLE');
    const set = (what: string) =>
      database.executor.query(`update converge.workflow set ${what} where id = $1`, [id]);
    // Planted fault: without the look at the lease an operator decides beside the process that is at the step.
    await set(`holder = 'other', due_at = now() + interval '1 hour'`);
    expect(await stays(stuck).catch(codeOf)).toBe('WORKFLOW_NOT_RESOLVABLE');
    await set('holder = null, due_at = null');
    await worker.start();
    await stays(stuck);
    await ended('compensated');
    await worker.stop();
    const { findings, plan } = await verdict();
    expect([findings, plan.map(({ path, does }) => `${path} ${does}`)]).toEqual([
      [],
      ['mail forgotten', 'bucket done'],
    ]);
    expect((await record()).journal.find(({ kind }) => kind === 'operator')?.data).toContain(by.reason);
    expect(await retryWorkflow(database, key(), by).catch(codeOf)).toBe('WORKFLOW_NOT_RESOLVABLE');
  });

  it.each([
    ['succeeded', '{"ref":"seen"}', 'blind done'],
    ['failed', '', 'blind noop_not_applied'],
  ] as const)(
    'a workflow with an unknown outcome continues by an operator’s decision: %s',
    async (kind, result, first) => {
      world.fault('+blind', kind === 'succeeded' ? 'reply_lost' : 'request_lost');
      const { run, worker } = scene(async (unit) => {
        await unit.step('row', { id });
        await unit.step('blind', { name: 'blind' });
      });
      expect(await run()).toBe('WORKFLOW_STUCK');
      expect(await record()).toMatchObject({ state: 'stuck', stuckReason: 'outcome_unknown' });
      const stated = kind === 'succeeded' ? { kind, result } : { kind, code: 'NOT_SENT' };
      await resolveWorkflow(database, key(), stated, by);
      await worker.start();
      await ended('compensated');
      await worker.stop();
      const { findings, plan } = await verdict();
      expect([findings, plan.map(({ path, does }) => `${path} ${does}`)]).toEqual([[], [first, 'row done']]);
      expect(world.there.size).toBe(0);
    },
  );

  // Planted faults: without `alarm` in `markStuck` the line has no name; without the look at `isKnown` there is one for each retry.
  it('a workflow whose undo fails for too long is listed as stuck, and retried until it is undone', async () => {
    world.fault('-bucket', ...Array.from({ length: 4 }, () => 'refuse' as const));
    const { run, worker } = scene(
      async (unit) => {
        await unit.step('bucket', { name: 'bucket' });
        throw new TypeError('a fault of the body');
      },
      { stuckAfterMs: 1 },
    );
    expect(await run()).toBe('WORKFLOW_UNFINISHED');
    await worker.start();
    await ended('compensated');
    await worker.stop();
    const { journal } = await record();
    const found = journal.filter(({ kind, data }) => kind === 'stuck' && data.includes('undo_failing'));
    expect([found.length, (await verdict()).findings, world.there.size]).toEqual([1, [], 0]);
    expect(alarms).toEqual([`workflow_stuck ${id} undo_failing`]);
  });

  it('a workflow with a step that this code does not declare waits for code that declares it', async () => {
    const { run, worker } = scene(async (unit) => {
      await unit.step('bucket', { name: 'bucket' });
      throw new TypeError('a fault of the body');
    });
    world.fault('-bucket', 'refuse');
    expect(await run()).toBe('WORKFLOW_UNFINISHED');
    await database.executor.query(
      `update converge.workflow_step set path = 'gone' where id = $1 and step = 1`,
      [id],
    );
    await database.executor.query(`update converge.workflow set due_at = now() where id = $1`, [id]);
    await worker.start();
    await waitUntil(async () => (await record()).stuckReason === 'step_undeclared', {
      what: 'it to be found',
    });
    await worker.stop();
    const due = await listWorkflows(database.executor, {
      states: ['stuck'],
      workflow: 'test.operate',
      limit: 100,
    });
    expect(due.find((one) => one.id === id)?.dueAt).toBeInstanceOf(Date);
    expect(alarms).toEqual([`workflow_stuck ${id} step_undeclared`]);
  });
});

describe('the body of a workflow', () => {
  it('a body that runs two steps at once, or one after its end, is refused, and its steps are undone', async () => {
    let late: Unit<Steps> | undefined;
    const { run } = scene(async (unit) => {
      late = unit;
      await Promise.all([unit.step('bucket', { name: 'a' }), unit.step('bucket', { name: 'b' })]);
    });
    expect(await run()).toBe('WORKFLOW_COMPENSATED');
    // Planted fault: without waiting for what still runs, `a` is made after its undo was planned, and stays.
    expect([world.changes, world.there.size]).toEqual([['+a', '-a'], 0]);
    expect(await late?.step('bucket', { name: 'c' }).catch(codeOf)).toBe('WORKFLOW_MISUSED');
    expect((await verdict()).findings).toEqual([]);
  });

  it('a body whose lease went to another process writes nothing more, and its signal aborts', async () => {
    const arrived = Promise.withResolvers<AbortSignal>();
    const goOn = Promise.withResolvers<undefined>();
    const first = scene(async (unit) => {
      await unit.step('bucket', { name: 'a' });
      arrived.resolve(unit.signal);
      await goOn.promise;
      await unit.step('bucket', { name: 'b' });
    });
    const running = first.run();
    const signal = await arrived.promise;
    expect(await first.run()).toBe('WORKFLOW_BUSY');
    // Another process has claimed the workflow, and written nothing yet: only the term shows that.
    await database.executor.query(
      `update converge.workflow set term = term + 1, holder = 'other' where id = $1`,
      [id],
    );
    goOn.resolve(undefined);
    // Planted fault: without the term in the journal's statement `b` is made beside the new holder.
    expect([await running, signal.aborted, world.changes]).toEqual(['WORKFLOW_INTERRUPTED', true, ['+a']]);
    await database.executor.query('update converge.workflow set due_at = now() where id = $1', [id]);
    const second = scene(() => Promise.resolve());
    expect([await second.run(), world.changes]).toEqual(['WORKFLOW_COMPENSATED', ['+a', '-a']]);
    expect((await verdict()).findings).toEqual([]);
  });
});

describe('a worker of workflows', () => {
  it('a worker of workflows meets the obligations of every service, and removes workflows that ended long ago', async () => {
    const made = () => scene(() => Promise.resolve()).worker;
    await stressService({ make: made, rounds: 8 });
    const { run } = scene(() => Promise.resolve());
    expect(await run()).toBe(null);
    expect(await forgetWorkflows(database.executor, 60_000)).toBe(0);
    // Planted fault: without the age of the journal in workflow_forget, it leaves with an end that was moved.
    expect(await forgetWorkflows(database.executor, 0)).toBe(0);
    await database.executor.query(`update converge.workflow set ended_at = ended_at - interval '2 days'`);
    // An end that was moved is not enough: the journal says when it was written.
    expect(await forgetWorkflows(database.executor, 0)).toBe(0);
    await database.executor.query(`update converge.workflow_step set at = at - interval '2 days'`);
    expect(await forgetWorkflows(database.executor, 0)).toBeGreaterThan(0);
    expect(await record().catch(codeOf)).toBe('WORKFLOW_NOT_FOUND');
  });
});
