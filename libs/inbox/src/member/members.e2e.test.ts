import { once } from 'node:events';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { type LogName, logNames } from '../fixture/open-log.ts';
import { type Member, ProcessScene, reordered } from '../fixture/process-scene.ts';

/**
 * Members of one group that freeze, die, come and go, on each Kafka driver and on the local log; in the first tier each
 * case runs on one log, and each log has a case. Planted faults, each tried here:
 * - the fence without `next_offset = m.expected` (`openSlice`): effects come twice;
 * - the slice without its server-side limits (`limits` in `openSlice`): the fence is never released by the frozen member.
 */

const on = (first: LogName): readonly LogName[] => (inject('full') ? logNames : [first]);

describe('members of a group', () => {
  let scene: ProcessScene;

  const open = async (driver: LogName): Promise<void> => {
    scene = await ProcessScene.open(inject('stack'), { driver, partitions: 4 });
  };
  afterEach(() => scene.close());

  async function eachOnce(): Promise<void> {
    const found = await scene.lines();
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
    expect(reordered(found)).toEqual([]);
    const { rows } = await scene.database.executor.query<{ n: string; ids: string; letters: string }>(
      `select count(*) as n, count(distinct event_id) as ids,
              (select count(*) from converge.parked) as letters from converge.outbox`,
    );
    expect(rows).toEqual([{ n: `${scene.ids.length}`, ids: `${scene.ids.length}`, letters: '0' }]);
  }

  it.each(on('local'))(
    'N2, G3a, G2g: over %s a member that freezes in its handler holds the fence by name until its session ends, and changes nothing when it wakes',
    async (driver) => {
      await open(driver);
      await scene.send(60);
      const zombie = scene.start({ FREEZE: 'handler', HANDLE_MS: '60000' });
      await once(zombie.child.stdout!, 'data');
      // Slices of several partitions may be open: each holds its own fence.
      const { rows: frozen } = await scene.database.executor.query<{ pid: number }>(
        'select pid from pg_stat_activity where application_name = $1',
        [scene.name],
      );
      const pids = frozen.map((row) => row.pid);
      const owner = scene.start({ LOCK_MS: '200' });
      const alarm = await waitUntil(
        () =>
          owner
            .log()
            .split('\n')
            .find((line) => line.includes('fence_held')),
        {
          what: 'the alarm fence_held',
        },
      );
      const { pid } = JSON.parse(alarm) as { pid: number };
      expect(pids).toContain(pid);
      // The server also ends the session when the holder is idle for longer than a handler may take (fence.int.test.ts).
      await scene.database.executor.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
        pids,
      ]);
      await scene.effects(60);
      zombie.child.kill('SIGCONT');
      await scene.send(40);
      await scene.effects(100);
      expect(await Promise.all([zombie, owner].map((member) => scene.end(member)))).toEqual([0, 0]);
      await eachOnce();
    },
  );

  it.each(on('platformatic'))(
    'over %s a member that froze before a slice begins it when it wakes, long after another continued, and changes nothing',
    async (driver) => {
      await open(driver);
      await scene.send(60);
      // Heartbeats are too slow to notice the end of the membership: only the fence protects the rows.
      const slow = { SESSION_MS: '6000', HEARTBEAT_MS: '5900' };
      const zombie = scene.start({ ...slow, SLICE_SIZE: '1', FREEZE_BEFORE_SLICE: '20' });
      const frozen = Promise.withResolvers<undefined>();
      zombie.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('before slice')) frozen.resolve(undefined);
      });
      await frozen.promise;
      const owner = scene.start();
      await scene.effects(60);
      zombie.child.kill('SIGCONT');
      await scene.send(40);
      await scene.effects(100);
      expect(await Promise.all([zombie, owner].map((member) => scene.end(member)))).toEqual([0, 0]);
      await eachOnce();
    },
  );

  it.each(on('kafkajs'))(
    'N2, G3a, G2g: over %s members that join, leave, are killed and freeze under load cause every effect once, in the order of each key',
    async (driver) => {
      await open(driver);
      const working = async (member: Member): Promise<Member> => {
        await once(member.child.stdout!, 'data');
        return member;
      };
      const join = (): Promise<Member> => working(scene.start());
      const enough = new AbortController();
      const load = (async () => {
        for (; !enough.signal.aborted; await systemClock.sleep(20))
          // As fast as the members are: a slow machine gets no backlog.
          if (scene.ids.length - (await scene.handled()) < 200) await scene.send(10, 40);
      })();
      try {
        const [a, b] = await Promise.all([join(), join()]);
        a.child.kill('SIGKILL');
        const c = await join();
        const [d, left] = await Promise.all([join(), scene.end(b)]);
        expect(left).toBe(0);
        c.child.kill('SIGSTOP');
        const e = await join();
        c.child.kill('SIGCONT');
        d.child.kill('SIGKILL');
        const f = await join();
        expect(await scene.end(e)).toBe(0);
        enough.abort();
        await load;
        await scene.effects(scene.ids.length);
        expect(await Promise.all([c, f].map((member) => scene.end(member)))).toEqual([0, 0]);
      } finally {
        enough.abort();
        await load;
      }
      await eachOnce();
    },
  );
});
