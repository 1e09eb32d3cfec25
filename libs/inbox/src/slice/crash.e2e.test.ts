import { once } from 'node:events';
import { waitUntil } from '@convergekit/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { ProcessScene, reordered } from '../fixture/process-scene.ts';

const full = inject('full');
/** The log of the cases that do not depend on it; the first tier shows one case on Kafka. */
const LOG = full ? 'kafkajs' : 'local';
/** Where processes are killed: those of a row in one scene, each by the process that follows the one before. */
const KILLS = full
  ? [
      ['inbox.in_handler@1'],
      ['inbox.in_handler@70'],
      ['inbox.before_commit@1'],
      ['inbox.before_commit@4'],
      ['inbox.after_commit@1'],
      ['inbox.after_commit@2'],
    ]
  : [['inbox.before_commit@1', 'inbox.in_handler@70', 'inbox.after_commit@2']];
const DEFERRED = full ? ['inbox.deferred@1', 'inbox.deferred@3'] : ['inbox.deferred@3'];

describe('a consumer that is killed', () => {
  let scene: ProcessScene;

  const open = async (driver: 'kafkajs' | 'local'): Promise<void> => {
    scene = await ProcessScene.open(inject('stack'), { driver });
  };
  afterEach(() => scene.close());

  it.each(KILLS.map((row) => [row.join(', then '), row] as const))(
    'G3a: a consumer that is killed at %s causes every effect once, in the order of each key',
    async (_, failpoints) => {
      await open(LOG);
      for (const failpoint of failpoints) {
        const before = (await scene.lines()).length;
        await scene.send(60);
        const { child: killed } = scene.start({ CONVERGE_FAILPOINT: failpoint });
        const exit = once(killed, 'exit');
        await waitUntil(async () => (await scene.lines()).length > before || killed.signalCode !== null, {
          what: 'work',
        });
        await scene.send(60);
        expect((await exit)[1], failpoint).toBe('SIGKILL');
      }
      const count = 120 * failpoints.length;
      const next = scene.start();
      await scene.effects(count);
      expect(await scene.end(next)).toBe(0);
      const found = await scene.lines();
      expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
      expect(reordered(found)).toEqual([]);
      const { rows } = await scene.database.executor.query<{ n: string; ids: string }>(
        'select count(*) as n, count(distinct event_id) as ids from converge.outbox',
      );
      expect(rows).toEqual([{ n: `${count}`, ids: `${count}` }]);
    },
  );

  it.each(DEFERRED)(
    'G3b: a consumer that is killed at %s, with a position in memory alone, causes every effect once and in order',
    async (failpoint) => {
      await open(LOG);
      await scene.send(30);
      const { child: killed } = scene.start({ CONVERGE_FAILPOINT: failpoint });
      const exit = once(killed, 'exit');
      await waitUntil(async () => (await scene.lines()).length >= 30 || killed.signalCode !== null, {
        what: 'the first effects',
      });
      const skips = async () => {
        await scene.send(1, 7, 'priced');
        return killed.signalCode !== null;
      };
      await waitUntil(skips, { what: 'the kill' });
      expect((await exit)[1]).toBe('SIGKILL');
      await scene.send(30);
      const next = scene.start();
      await scene.effects(60);
      expect(await scene.end(next)).toBe(0);
      const found = await scene.lines();
      expect(new Set(found.map(({ event_id }) => event_id)).size).toBe(60);
      expect(reordered(found)).toEqual([]);
      const { rows } = await scene.database.executor.query(
        `select from converge.inbox_partition where state = 'halted'`,
      );
      expect(rows).toEqual([]);
    },
  );

  it('a consumer that is killed before the commit of a joint slice causes every effect once, in the order of each key', async () => {
    await open('kafkajs');
    const { child: killed } = scene.start({ CONVERGE_FAILPOINT: 'inbox.before_joint_commit@2' });
    const exit = once(killed, 'exit');
    // Slices of both partitions share a transaction when they come together, and are small: a slow machine gets no backlog.
    const sends = async () => {
      if (scene.ids.length - (await scene.handled()) < 8) await scene.send(4);
      return killed.signalCode !== null;
    };
    await waitUntil(sends, { what: 'the kill' });
    expect((await exit)[1]).toBe('SIGKILL');
    const next = scene.start();
    await scene.effects(scene.ids.length);
    expect(await scene.end(next)).toBe(0);
    const found = await scene.lines();
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
    expect(reordered(found)).toEqual([]);
  });

  // The crash of a drain is tested in park/drain-crash.e2e.
  it('a consumer that is killed at inbox.before_commit@3 while a key is parked causes every effect once, in the order of each key', async () => {
    await open(LOG);
    const fault = (sql: string) => scene.database.executor.query(sql);
    const env = { FAULTS: '1', HANDLE_MS: '500' };
    await fault('create table fault (key text)');
    await fault(`insert into fault values ('k1')`);
    await scene.send(60);
    const killed = scene.start({ ...env, CONVERGE_FAILPOINT: 'inbox.before_commit@3' });
    const exit = once(killed.child, 'exit');
    const others = 60 - Math.ceil(60 / 7);
    await waitUntil(async () => killed.child.signalCode !== null || (await scene.lines()).length >= others, {
      what: 'the other keys',
    });
    expect((await scene.lines()).filter(({ key }) => key === 'k1')).toEqual([]);
    await fault('delete from fault');
    await scene.send(60);
    expect((await exit)[1]).toBe('SIGKILL');
    const next = scene.start(env);
    await scene.effects(120);
    expect(await scene.end(next)).toBe(0);
    const found = await scene.lines();
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
    expect(reordered(found)).toEqual([]);
    const left = await scene.database.executor.query(
      `select key from converge.parked_key union all select key from converge.parked where state = 'waiting'`,
    );
    expect(left.rows).toEqual([]);
  });
});
