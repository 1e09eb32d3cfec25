import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openTwoSidecars, type TwoSidecars } from '../../fixture/two-sidecars.ts';

const KEYS = 200;
const RANGES = 16;
const GATE = 42;
let scene: TwoSidecars;

/** The ranges that the scan keeps, as a table. */
const RANGE = `converge.reconciler, json_to_recordset(ranges) as r (range int, due text, "checkedAt" float8, lease json)`;

/** Keeps the statements of ranges waiting behind a lock of the test, from the fifth range on. */
const gateSql = `
  create function gate() returns int language plpgsql volatile as $$
  begin
    if (select count(*) from ${RANGE} where "checkedAt" is not null) >= 4 then
      while not pg_try_advisory_xact_lock_shared(${GATE}) loop perform pg_sleep(0.05); end loop;
    end if;
    return 0;
  end $$`;

beforeAll(async () => {
  scene = await openTwoSidecars(inject('stack').databaseUrl, {
    module: './libs/cli/src/fixture/killed-digests.ts',
    keys: KEYS,
    leaseMs: 2_000,
    statements: [gateSql],
  });
});
afterAll(() => scene.close());

interface Range {
  readonly range: number;
  readonly checked: number | null;
  readonly until: number | null;
}

// Planted fault: where a lease is not respected, the survivor
// finishes the ranges of the dead process before their lease has ended.
it('G7l, C6: a process killed by SIGKILL in a range of a digest scan loses it to the other, and no run, no range and no key is lost or done twice', async () => {
  const { rows, number, sidecar } = scene;
  const gate = await scene.copy.acquire();
  await gate.query(`select pg_advisory_lock(${GATE})`);
  const sidecars = [sidecar(), sidecar()];

  // The leader waits inside a statement of its second step, and both processes visit keys of the first one.
  const inRange = `select count(*) as n from pg_stat_activity
    where datname = current_database() and state = 'active' and query like '%gate()%' and query not like '%pg_stat_activity%'`;
  const leaderPid = await waitUntil(
    async () => {
      const [scan] = await rows<{ pid: number }>('select pid from scan_log limit 1');
      const visitors = await number('select count(distinct pid) as n from visit');
      const held = await number(`select count(*) as n from ${RANGE} where lease is not null`);
      return visitors === 2 && held > 0 && (await number(inRange)) > 0 ? scan?.pid : undefined;
    },
    { what: 'the leader in a range' },
  );
  const leader = sidecars.find(({ child }) => child.pid === leaderPid)!;
  const survivor = sidecars.find((one) => one !== leader)!;
  leader.child.kill('SIGKILL');
  await leader.ended;
  const [killed] = await rows<{ at: string }>('select clock_timestamp()::text as at');
  const before = await rows<Range>(
    `select range, "checkedAt" as checked, (lease ->> 'until')::float8 as until from ${RANGE}`,
  );
  const held = before.filter(({ until }) => until !== null);
  const done = before.filter(({ checked }) => checked !== null);
  expect(held.length).toBeGreaterThan(0);
  expect(done.length).toBeGreaterThan(0);
  await gate.query(`select pg_advisory_unlock(${GATE})`);
  gate.release();

  // The survivor continues the run, and waits for the lease of the ranges that the dead process held.
  const completed = `select count(*) as n from converge.reconcile_run where state = 'completed'`;
  await waitUntil(async () => (await number(completed)) === 1, { what: 'the run' });
  const wrong = `select count(*) as n from stock where amount <> 1`;
  await waitUntil(async () => (await number(wrong)) === 0, { what: 'every repair' });
  survivor.child.kill('SIGTERM');
  expect(await survivor.ended).toMatchObject({ code: 0 });

  expect(await rows('select id::int, state, resumed, unknown::int from converge.reconcile_run')).toEqual([
    { id: 1, state: 'completed', resumed: 1, unknown: 0 },
  ]);
  expect(await rows('select pid from scan_log order by at')).toEqual([
    { pid: leaderPid },
    { pid: survivor.child.pid },
  ]);
  // Every range was compared, the finished ones once, and those of the dead process after their lease.
  expect(
    await number(
      `select count(*) as n from ${RANGE} where due is null and lease is null and "checkedAt" is not null`,
    ),
  ).toBe(RANGES);
  const again = done.map(
    ({ range, checked }) => `select 1 from ${RANGE} where range = ${range} and "checkedAt" > ${checked ?? 0}`,
  );
  // A pass compares one range of those that were compared before: its share.
  expect((await rows(again.join(' union all '))).length).toBeLessThanOrEqual(1);
  for (const { range, until } of held) {
    const after = `select count(*) as n from ${RANGE} where range = ${range} and "checkedAt" >= ${until ?? 0}`;
    expect([range, await number(after)]).toEqual([range, 1]);
  }

  // No key was visited by two at once, and each was repaired once.
  expect(await scene.visitedByTwo(killed!.at)).toEqual([]);
  expect(
    await rows(
      `select count(*)::int as repairs, count(distinct key)::int as keys from converge.reconcile_audit where verdict = 'repaired'`,
    ),
  ).toEqual([{ repairs: KEYS, keys: KEYS }]);
});
