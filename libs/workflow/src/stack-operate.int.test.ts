import type { Database } from '@convergekit/postgres';
import { stressService } from '@convergekit/core/service-stress';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import {
  mailStep,
  rowStep,
  stackDatabase,
  stackOptions,
  type TenantDb,
  worldStep,
} from './fixture/stack-scene.ts';
import { World } from './fixture/stack-world.ts';
import { defineStack, type Unit } from './define-stack.ts';
import { StackError } from './errors.ts';
import { forgetStep, resolveStack, retryStack } from './operate.ts';
import { listStacks, readStack } from './operate-sql.ts';
import type { StacksOptions } from './options.ts';
import { compensationStacks } from './stacks.ts';
import { forgetStacks } from './tidy-sql.ts';
import { verifyStack } from './verify.ts';

let database: Database<TenantDb>;
let world: World;
let id: string;
let count = 0;
const by = { actor: 'ada', note: 'seen in the console of the other side' };

beforeAll(async () => {
  database = await stackDatabase(await freshDatabase(inject('stack').databaseUrl, 'operate'));
});
afterAll(() => database.close());
beforeEach(() => {
  world = new World();
  count += 1;
  id = `o${count}`;
});

interface Steps {
  bucket: ReturnType<typeof worldStep>;
  blind: ReturnType<typeof worldStep>;
  mail: ReturnType<typeof mailStep>;
  row: typeof rowStep;
}
type Body = (unit: Unit<Steps>) => Promise<void>;
const codeOf = (error: unknown) => (error instanceof StackError ? error.code : error);
const record = () => readStack(database.executor, 'test.operate', id);
const verdict = async () => verifyStack(await record());
const ended = (state: string) =>
  waitUntil(async () => (await record()).state === state, { what: `the worker to end it ${state}` });

/** A stack with that body, and its worker running until the end of the test. */
function scene(body: Body, more: Partial<StacksOptions<TenantDb>> = {}) {
  const stack = defineStack({
    name: 'test.operate',
    input: z.null(),
    result: z.null(),
    steps: {
      bucket: worldStep(world, 'keyed', { checks: true }),
      blind: worldStep(world, 'none', { checks: false }),
      mail: mailStep(world),
      row: rowStep,
    },
    run: async (unit) => {
      await body(unit);
      return null;
    },
  });
  const stacks = compensationStacks([stack], { ...stackOptions, database, ...more });
  return { worker: stacks.worker, run: () => stacks.run(stack, id, null).catch(codeOf) };
}

describe('a stack that is stuck', () => {
  it('on what cannot be undone waits for a person, who may let go of it; the rest is undone', async () => {
    const { run, worker } = scene(async (unit) => {
      await unit.step('bucket', { name: 'bucket' });
      await unit.step('mail', { name: 'mail' });
      throw new TypeError('a fault of the body');
    });
    expect(await run()).toBe('STACK_STUCK');
    expect(await record()).toMatchObject({ state: 'stuck', stuckReason: 'irreversible' });
    expect(world.changes).toEqual(['+bucket', '+mail']);
    expect(await run()).toBe('STACK_STUCK');
    const wrong = resolveStack(database, 'test.operate', id, { kind: 'not_applied' }, by);
    expect(await wrong.catch(codeOf)).toBe('STACK_NOT_RESOLVABLE');
    await worker.start();
    await forgetStep(database, 'test.operate', id, by);
    await ended('compensated');
    await worker.stop();
    const { issues, plan } = await verdict();
    expect([issues, plan.map(({ path, does }) => `${path} ${does}`)]).toEqual([
      [],
      ['mail forgotten', 'bucket done'],
    ]);
    expect((await record()).journal.find(({ kind }) => kind === 'operator')?.data).toContain(by.note);
    expect(await retryStack(database, 'test.operate', id, by).catch(codeOf)).toBe('STACK_NOT_RESOLVABLE');
  });

  it.each([
    ['applied', '{"ref":"seen"}', 'blind done'],
    ['not_applied', '', 'blind noop_not_applied'],
  ] as const)(
    'on an outcome that nobody knows goes on with a person’s word: %s',
    async (kind, result, first) => {
      world.fault('+blind', kind === 'applied' ? 'reply_lost' : 'request_lost');
      const { run, worker } = scene(async (unit) => {
        await unit.step('row', { id });
        await unit.step('blind', { name: 'blind' });
      });
      expect(await run()).toBe('STACK_STUCK');
      expect(await record()).toMatchObject({ state: 'stuck', stuckReason: 'outcome_unknown' });
      await resolveStack(database, 'test.operate', id, kind === 'applied' ? { kind, result } : { kind }, by);
      await worker.start();
      await ended('compensated');
      await worker.stop();
      const { issues, plan } = await verdict();
      expect([issues, plan.map(({ path, does }) => `${path} ${does}`)]).toEqual([[], [first, 'row done']]);
      expect(world.there.size).toBe(0);
    },
  );

  it('on an undo that fails for too long is told, and goes on being tried until it is done', async () => {
    world.fault('-bucket', ...Array.from({ length: 4 }, () => 'refuse' as const));
    const { run, worker } = scene(
      async (unit) => {
        await unit.step('bucket', { name: 'bucket' });
        throw new TypeError('a fault of the body');
      },
      { stuckAfterMs: 1 },
    );
    expect(await run()).toBe('STACK_UNFINISHED');
    await worker.start();
    await ended('compensated');
    await worker.stop();
    const { journal } = await record();
    const told = journal.filter(({ kind, data }) => kind === 'stuck' && data.includes('undo_failing'));
    expect([told.length, (await verdict()).issues, world.there.size]).toEqual([1, [], 0]);
  });

  it('on a step that this code does not declare waits for code that does', async () => {
    const { run, worker } = scene(async (unit) => {
      await unit.step('bucket', { name: 'bucket' });
      throw new TypeError('a fault of the body');
    });
    world.fault('-bucket', 'refuse');
    expect(await run()).toBe('STACK_UNFINISHED');
    await database.executor.query(
      `update converge.saga_stack_step set path = 'gone' where id = $1 and step = 1`,
      [id],
    );
    await database.executor.query(`update converge.saga_stack set due_at = now() where id = $1`, [id]);
    await worker.start();
    await waitUntil(async () => (await record()).stuckReason === 'step_undeclared', {
      what: 'it to be told',
    });
    await worker.stop();
    const due = await listStacks(database.executor, { states: ['stuck'], stack: 'test.operate', limit: 100 });
    expect(due.find((one) => one.id === id)?.dueAt).toBeInstanceOf(Date);
  });
});

describe('a body', () => {
  it('that does two things at once, or one after its end, is refused, and what it did is undone', async () => {
    let late: Unit<Steps> | undefined;
    const { run } = scene(async (unit) => {
      late = unit;
      await Promise.all([unit.step('bucket', { name: 'a' }), unit.step('bucket', { name: 'b' })]);
    });
    expect(await run()).toBe('STACK_COMPENSATED');
    // Planted fault: without waiting for what still runs, `a` is made after its undo was planned, and stays.
    expect([world.changes, world.there.size]).toEqual([['+a', '-a'], 0]);
    expect(await late?.step('bucket', { name: 'c' }).catch(codeOf)).toBe('STACK_MISUSED');
    expect((await verdict()).issues).toEqual([]);
  });

  it('whose lease went to another one writes nothing more, and its signal says so', async () => {
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
    expect(await first.run()).toBe('STACK_BUSY');
    // Another one has claimed it, and written nothing yet: nothing but the term tells.
    await database.executor.query(
      `update converge.saga_stack set term = term + 1, holder = 'other' where id = $1`,
      [id],
    );
    goOn.resolve(undefined);
    // Planted fault: without the term in the journal's statement `b` is made beside the new holder.
    expect([await running, signal.aborted, world.changes]).toEqual(['STACK_INTERRUPTED', true, ['+a']]);
    await database.executor.query('update converge.saga_stack set due_at = now() where id = $1', [id]);
    const second = scene(() => Promise.resolve());
    expect([await second.run(), world.changes]).toEqual(['STACK_COMPENSATED', ['+a', '-a']]);
    expect((await verdict()).issues).toEqual([]);
  });
});

describe('the worker', () => {
  it('is a Service like any other, and forgets what ended long ago', async () => {
    const made = () => scene(() => Promise.resolve()).worker;
    await stressService({ make: made, rounds: 8 });
    const { run } = scene(() => Promise.resolve());
    expect(await run()).toBe(null);
    expect(await forgetStacks(database.executor, 60_000)).toBe(0);
    // Planted fault: without the age of the journal in saga_forget_stacks, it leaves with an end that was moved.
    expect(await forgetStacks(database.executor, 0)).toBe(0);
    await database.executor.query(`update converge.saga_stack set ended_at = ended_at - interval '2 days'`);
    // An end that was moved is not enough: the journal says when it was written.
    expect(await forgetStacks(database.executor, 0)).toBe(0);
    await database.executor.query(`update converge.saga_stack_step set at = at - interval '2 days'`);
    expect(await forgetStacks(database.executor, 0)).toBeGreaterThan(0);
    expect(await record().catch(codeOf)).toBe('STACK_NOT_FOUND');
  });
});
