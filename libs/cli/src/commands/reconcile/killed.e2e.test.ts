import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openTwoSidecars, type TwoSidecars } from '../../fixture/two-sidecars.ts';

const LEASE_MS = 5_000;
const KEYS = 100;
let scene: TwoSidecars;

beforeAll(async () => {
  scene = await openTwoSidecars(inject('stack').databaseUrl, {
    module: './libs/cli/src/fixture/killed-reconciler.ts',
    keys: KEYS,
    leaseMs: LEASE_MS,
    statements: ['create table gate (only_row boolean)', 'insert into gate values (true)'],
  });
});
afterAll(() => scene.close());

// Planted faults: without the checkpoint the survivor scans from the first key; with a lease that is not taken over when it
// ends, or a claim of the dead that is not requeued, the test waits in vain.
it('C6, S40, G7f: of two reconciler processes one is killed: no key is visited by two at once, no run is lost, the schedule goes on', async () => {
  const { rows, number, sidecar } = scene;
  const gate = await scene.copy.acquire();
  await gate.query('begin');
  await gate.query('select 1 from gate for update');
  const sidecars = [sidecar(), sidecar()];

  // The leader has queued two chunks and waits behind the gate; both processes visit keys.
  const leaderPid = await waitUntil(
    async () => {
      const [scan] = await rows<{ pid: number }>('select pid from scan_log limit 1');
      const atGate = await number(`select keys as n from converge.reconcile_run where state = 'running'`);
      const visitors = await number('select count(distinct pid) as n from visit');
      return atGate === 40 && visitors === 2 ? scan?.pid : undefined;
    },
    { what: 'the leader at the gate' },
  );
  const leader = sidecars.find(({ child }) => child.pid === leaderPid)!;
  const survivor = sidecars.find((one) => one !== leader)!;
  leader.child.kill('SIGKILL');
  await leader.ended;
  const [killed] = await rows<{ at: string }>('select clock_timestamp()::text as at');
  await gate.query('commit');
  gate.release();

  // The interrupted run is completed by the survivor, and two runs of the schedule follow it.
  await waitUntil(
    async () =>
      (await number(
        `select count(*) as n from converge.reconcile_run where state = 'completed' and id > 1`,
      )) >= 2,
    { what: 'two runs after the interrupted one' },
  );
  const wrong = `select count(*) as n from stock where amount <> 1`;
  await waitUntil(async () => (await number(wrong)) === 0, { what: 'every repair' });
  survivor.child.kill('SIGTERM');
  expect(await survivor.ended).toMatchObject({ code: 0 });

  // No run is lost: the interrupted one was continued at its checkpoint, and lists every key once.
  const [first] = await rows(`select state, resumed, keys::int from converge.reconcile_run where id = 1`);
  expect(first).toEqual({ state: 'completed', resumed: 1, keys: KEYS });
  expect(await rows('select pid, after from scan_log order by at limit 2')).toEqual([
    { pid: leaderPid, after: null },
    { pid: survivor.child.pid, after: 'k0040' },
  ]);
  // Each scheduled start since then was made, or is counted as missed by the run after it. The first has no time of its own.
  const [unaccounted] = await rows<{ n: number }>(
    `select count(*)::int as n from (
       select due_at, missed, lag(due_at) over w as before, lag(missed) over w as missed_before
         from converge.reconcile_run where due_at is not null window w as (order by id)) as runs
      where before is not null and extract(epoch from due_at - before) <> 1 + missed_before`,
  );
  expect(unaccounted).toEqual({ n: 0 });
  // The schedule goes on within two leases: the survivor completed the run that the dead leader had begun.
  expect(
    await number(
      `select extract(epoch from ended_at - '${killed!.at}'::timestamptz) * 1000 as n from converge.reconcile_run where id = 1`,
    ),
  ).toBeLessThan(2 * LEASE_MS);

  // No key was visited by two at once. A visit of the dead process lasted until its death at most.
  expect(await scene.visitedByTwo(killed!.at)).toEqual([]);
  expect(await number(`select count(*) as n from visit where pid = ${leaderPid}`)).toBeGreaterThan(0);
});
