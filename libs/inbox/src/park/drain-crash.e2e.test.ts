import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { Children } from '../../../testing/src/fixture/children.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FailureScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, testEvents } from '../fixture/ledger.ts';
import { tag } from '../testing/quick.ts';

const program = fileURLToPath(new URL('../fixture/drain-process.ts', import.meta.url));
const away = new ConvergeError('away', { code: 'AWAY', category: 'network', certainty: 'not_applied' });

/** Where drains are killed: those of a row one after the other on the same events, the last ones where few are left. */
const KILLS = inject('full')
  ? [
      ['inbox.drain_claimed@1'],
      ['inbox.drain_claimed@3'],
      ['inbox.in_handler@2'],
      ['inbox.drain_before_release@1'],
      ['inbox.drain_before_commit@3'],
      ['inbox.drain_after_commit@1'],
      ['inbox.drain_after_commit@3'],
    ]
  : [
      [
        'inbox.drain_claimed@1',
        'inbox.in_handler@2',
        'inbox.drain_after_commit@1',
        'inbox.drain_before_commit@2',
        'inbox.drain_before_release@1',
      ],
    ];

describe('a drain that ends in the middle', () => {
  let scene: FailureScene;
  let url: string;
  const name = `stock-${tag()}`;
  const topic = `orders-${tag()}`;
  const { counted } = testEvents(topic);
  const children = new Children();

  /** Six events of two keys are parked, and no process of the consumer runs. */
  beforeEach(async () => {
    scene = await FailureScene.open(inject('stack').databaseUrl, [topic, `${name}.failures`]);
    ({ url } = scene);
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => {
      throw away;
    });
    await scene.source.publish(
      scene.broker,
      Array.from({ length: 6 }, (_, n) => counted({ key: `k${n % 2}`, n })),
    );
    const service = await scene.start(consumer);
    await waitUntil(async () => (await scene.offset()) >= 6, { what: 'the parks' });
    await service.stop();
  });
  afterEach(async () => {
    await children.kill();
    await scene.close();
  });

  const start = (more: Record<string, string> = {}): ChildProcess =>
    children.start(program, { DATABASE_URL: url, CONSUMER: name, TOPIC: topic, ...more });
  const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;
  /** The time of leases that no drain returns. */
  const leasesEnd = () =>
    rows(`update converge.parked_key set leased_until = '-infinity', next_at = '-infinity'`);
  const effects = async (key: string) =>
    (await lines(scene.database)).filter((line) => line.key === key).map(({ n }) => n);

  it.each(KILLS.map((row) => [row.join(', then '), row] as const))(
    'G5a: a drain that is killed at %s leaves each effect once, in order, to the next drain',
    async (_, failpoints) => {
      for (const failpoint of failpoints) {
        const exit = once(start({ CONVERGE_FAILPOINT: failpoint }), 'exit');
        expect((await exit)[1], failpoint).toBe('SIGKILL');
        await leasesEnd();
      }
      const next = start();
      await waitUntil(async () => (await rows('select from converge.parked_key')).length === 0, {
        what: 'all keys to be released',
      });
      next.kill('SIGTERM');
      expect((await once(next, 'exit'))[0]).toBe(0);
      expect([await effects('k0'), await effects('k1')]).toEqual([
        [0, 2, 4],
        [1, 3, 5],
      ]);
      expect(await rows('select from converge.parked')).toEqual([]);
      expect(
        await rows('select count(distinct event_id)::int as ids, count(*)::int as n from converge.outbox'),
      ).toEqual([{ ids: 6, n: 6 }]);
    },
  );

  it('a drain that is killed between a dead letter and its failure event leaves neither, and the next drain makes both', async () => {
    const exit = once(start({ CONVERGE_FAILPOINT: 'inbox.drain_dead', BROKEN: 'k0' }), 'exit');
    expect((await exit)[1]).toBe('SIGKILL');
    const failures = () => rows(`select from converge.outbox where topic like '%.failures'`);
    expect([await scene.letters(), await failures()]).toEqual([[], []]);
    await leasesEnd();
    start({ BROKEN: 'k0' });
    await waitUntil(async () => (await scene.letters()).length === 1, { what: 'the dead letter' });
    expect(await failures()).toHaveLength(1);
    expect(await rows(`select tail::int, state from converge.parked_key where key = 'k0'`)).toEqual([
      { tail: 3, state: 'dead' },
    ]);
  });

  it('a drain that freezes in its handler blocks its key no longer than its lease, and wakes up without an effect', async () => {
    const zombie = start({ FREEZE: 'handler' });
    await once(zombie.stdout!, 'data');
    const owner = start();
    await waitUntil(async () => (await rows('select from converge.parked_key')).length === 0, {
      what: 'the other drain',
    });
    zombie.kill('SIGCONT');
    const exits = [zombie, owner].map((child) => once(child, 'exit'));
    zombie.kill('SIGTERM');
    owner.kill('SIGTERM');
    expect((await Promise.all(exits)).map(([code]) => code as number)).toEqual([0, 0]);
    expect([await effects('k0'), await effects('k1')]).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
  });
});
