import type { Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { later, provisionStack, stackDatabase, stackOptions, type TenantDb } from './fixture/stack-scene.ts';
import { World } from './fixture/stack-world.ts';
import { StackError } from './errors.ts';
import { readStack } from './operate-sql.ts';
import { compensationStacks } from './stacks.ts';
import { verifyStack } from './verify.ts';

let database: Database<TenantDb>;
let world: World;
let count = 0;
let id: string;

beforeAll(async () => {
  database = await stackDatabase(await freshDatabase(inject('stack').databaseUrl, 'stack'));
});
afterAll(() => database.close());
beforeEach(() => {
  world = new World();
  count += 1;
  id = `t${count}`;
});

const stacks = (recovery: 'undo' | 'resume' = 'undo') => {
  const provision = provisionStack(world, recovery);
  return { provision, ...compensationStacks([provision], { ...stackOptions, database }) };
};
const codeOf = (error: unknown) => (error instanceof StackError ? error.code : error);
const rowsOf = async () =>
  (await database.db.selectFrom('tenant').selectAll().where('id', '=', id).execute()).length;
const verdict = async () => verifyStack(await readStack(database.executor, 'tenants.provision', id));

describe('a compensation stack', () => {
  it('keeps everything when its body returns, and answers a repeat from the journal', async () => {
    const { run, provision } = stacks();
    const answer = { bucket: 'ref-bucket', billing: 'ref-account' };
    expect(await run(provision, id, { billing: 'ok', end: 'ok' })).toEqual(answer);
    expect(await run(provision, id, { billing: 'ok', end: 'ok' })).toEqual(answer);
    expect(world.changes).toEqual(['+bucket', '+account', '+card', '+route']);
    expect(await rowsOf()).toBe(1);
    expect(await verdict()).toMatchObject({ issues: [], state: 'completed' });
    const other = run(provision, id, { billing: 'fails', end: 'ok' });
    expect(await other.catch(codeOf)).toBe('STACK_KEY_REUSED');
  });

  it('undoes everything, the last step first, when its body throws', async () => {
    const { run, provision } = stacks();
    expect(await run(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe('STACK_COMPENSATED');
    expect(world.changes.slice(4)).toEqual(['-route', '-card', '-account', '-bucket']);
    expect([world.there.size, await rowsOf()]).toEqual([0, 0]);
    const { issues, state, plan } = await verdict();
    expect([issues, state, plan.map(({ does }) => does)]).toEqual([[], 'compensated', Array(5).fill('done')]);
    expect(await run(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe('STACK_COMPENSATED');
  });

  it('undoes the scope whose failure is caught, and nothing else', async () => {
    const { run, provision } = stacks();
    expect(await run(provision, id, { billing: 'fails', end: 'ok' })).toEqual({
      bucket: 'ref-bucket',
      billing: 'none',
    });
    expect(world.changes).toEqual(['+bucket', '+account', '+card', '-card', '-account', '+route']);
    expect(await verdict()).toMatchObject({ issues: [], state: 'completed' });
  });

  it('leaves an undo that fails to the workers, who try until it is done', async () => {
    const { run, provision, worker } = stacks();
    world.fault('-account', 'refuse', 'reply_lost');
    expect(await run(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe('STACK_UNFINISHED');
    expect(world.changes.slice(4)).toEqual(['-route', '-card']);
    await worker.start();
    await waitUntil(async () => (await verdict()).state === 'compensated', {
      what: 'the worker to undo the rest',
    });
    await worker.stop();
    expect(world.changes.slice(4)).toEqual(['-route', '-card', '-account', '-bucket']);
    expect((await verdict()).issues).toEqual([]);
  });

  it('finds out what became of a call before it repeats or undoes anything', async () => {
    const { run, provision } = stacks();
    world.fault('+account', 'reply_lost');
    expect(await run(provision, id, { billing: 'ok', end: 'ok' })).toMatchObject({ billing: 'ref-account' });
    id = `${id}-lost`;
    world.fault('+route', 'request_lost');
    expect(await run(provision, id, { billing: 'ok', end: 'ok' }).catch(codeOf)).toBe('STACK_UNFINISHED');
    await later(database, id);
    expect(await run(provision, id, { billing: 'ok', end: 'ok' }).catch(codeOf)).toBe('STACK_COMPENSATED');
    const { plan } = await verdict();
    expect(plan.map(({ path, does }) => `${path} ${does}`)).toEqual([
      'route noop_not_applied',
      'billing/card done',
      'billing/account done',
      'row done',
      'bucket done',
    ]);
  });

  it('finds that somebody else has undone a step before', async () => {
    const { run, provision } = stacks();
    world.fault('-route', 'refuse');
    expect(await run(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe('STACK_UNFINISHED');
    world.there.delete(`tenants.provision/${id}/bucket`);
    await database.db.deleteFrom('tenant').where('id', '=', id).execute();
    await later(database, id);
    expect(await run(provision, id, { billing: 'ok', end: 'fails' }).catch(codeOf)).toBe('STACK_COMPENSATED');
    const { issues, plan } = await verdict();
    const undone = plan.map(({ path, does }) => `${path} ${does}`);
    expect([issues, undone.slice(3)]).toEqual([[], ['row noop_already', 'bucket noop_already']]);
    expect(world.changes.at(-1)).toBe('-account');
  });
});
