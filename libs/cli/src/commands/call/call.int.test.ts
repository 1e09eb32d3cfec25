import type { Database } from '@convergekit/postgres';
import { sagaWorker } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Provider } from '../../../../saga/src/fixture/calls/provider.ts';
import {
  ended,
  hurried,
  outcomes,
  request,
  sceneDatabase,
  type SceneDb,
  sceneCalls,
  workRows,
} from '../../../../saga/src/fixture/calls/scene.ts';
import { cli } from '../../fixture/cli.ts';

describe('converge call', () => {
  const provider = new Provider();
  let database: Database<SceneDb>;
  let calls: ReturnType<typeof sceneCalls>;
  let env: Record<string, string>;
  beforeAll(async () => {
    const made = await sceneDatabase(inject('stack').databaseUrl);
    database = made.database;
    calls = sceneCalls(await provider.start());
    env = { DATABASE_URL: made.url };
  });
  afterAll(async () => {
    await provider.stop();
    await database.close();
  });

  it('`converge call` shows stuck calls, and lets an operator record an outcome or repeat a call', async () => {
    provider.modes.set('blind', ['reply_lost', 'request_lost']);
    await request(database, calls.blind, ['a', 'b']);
    const worker = sagaWorker(Object.values(calls), { ...hurried, database });
    await worker.start();
    await waitUntil(async () => (await workRows(database)).every(({ state }) => state === 'stuck'), {
      what: 'both to be stuck',
    });
    const list = await cli(['call', 'list', '--json'], env);
    const rows = JSON.parse(list.stdout) as { id: string; key: string; stuckReason: string }[];
    expect(rows.map(({ key, stuckReason }) => [key, stuckReason])).toEqual([
      ['a', 'outcome_unknown'],
      ['b', 'outcome_unknown'],
    ]);
    const [a, b] = rows.map(({ id }) => id) as [string, string];
    const unconfirmed = await cli(['call', 'retry', b, '--reason', 'their ledger has no b'], env);
    expect([unconfirmed.code, provider.calls.length]).toEqual([2, 2]);
    const known = ['--succeeded', '{"receipt":"r-a"}', '--reason', 'their ledger shows it', '--yes'];
    expect(await cli(['call', 'resolve', a, ...known], env)).toMatchObject({ code: 0 });
    const again = ['retry', b, '--reason', 'their ledger has no b', '--yes'];
    expect(await cli(['call', ...again], env)).toMatchObject({ code: 0 });
    await ended(database, ['done']);
    await worker.stop();
    expect([await outcomes(database), provider.calls.length]).toEqual([['a r-a', 'b r-b'], 3]);
    const show = await cli(['call', 'show', a, '--json'], env);
    expect(JSON.parse(show.stdout)).toMatchObject({
      outcome: { kind: 'succeeded' },
      story: [{ op: 'call' }, { op: 'operator', note: 'their ledger shows it' }],
    });
    expect(await cli(['call', 'resolve', a, ...known], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it is done') as string,
    });
  });
});
