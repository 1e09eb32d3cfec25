import { ConvergeError } from '@convergekit/core';
import { BREAKER_OPEN } from '@convergekit/resilience/engine';
import { waitUntil } from '@convergekit/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { readOverview } from '../operate/overview.ts';
import { quickSchedule } from '../testing/quick.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import type { ConsumerService } from '../service/consumer-service.ts';

const failing = (code: string, extra: object = {}) =>
  new ConvergeError(code, { code, category: 'service', certainty: 'not_applied', ...extra });
/** The pauses of a partition end after half a second, and no later. */
const shortest = (): number => 0;

describe('a partition that pauses', () => {
  let scene: FailureScene;
  const { name, counted } = sceneForEach((opened) => (scene = opened));
  let throws: (key: string, n: number) => Error | undefined;

  beforeEach(() => {
    throws = () => undefined;
  });

  const start = (parking: object = {}) =>
    scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        await note(tx, event);
        const error = throws(event.data.key, event.data.n);
        if (error !== undefined) throw error;
      }),
      { random: shortest, watchMs: 20, parking: { schedule: quickSchedule, pollMs: 20, ...parking } },
    );
  const publish = (count: number, keys: number) =>
    scene.source.publish(
      scene.broker,
      Array.from({ length: count }, (_, n) => counted({ key: `k${n % keys}`, n })),
    );
  const state = (service: ConsumerService) => service.status()[0]?.partitions[0];
  const paused = (service: ConsumerService, code: string) =>
    waitUntil(
      () => {
        const now = state(service);
        return now?.state === 'paused' && now.code === code;
      },
      { what: `the pause ${code}` },
    );
  const noted = async () => (await readOverview(scene.database.executor, name))[0]?.waits ?? null;
  const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;

  it('S9, S49, S71, G5b: a partition pauses while a breaker is open, counts no attempt, and continues where it was', async () => {
    let open = true;
    throws = (_key, n) => (open && n === 3 ? failing(BREAKER_OPEN, { retryAfterMs: 60 }) : undefined);
    await publish(8, 8);
    const service = await start();
    await paused(service, 'breaker_open');
    await waitUntil(async () => (await noted())?.code === 'breaker_open', { what: 'the note for operators' });
    expect(await scene.offset()).toBe(3);
    expect(await rows('select from converge.parked')).toEqual([]);
    open = false;
    await scene.settled(8);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await rows('select from converge.inbox_attempt')).toEqual([]);
    expect(state(service)?.state).toBe('running');
    await waitUntil(async () => (await noted()) === null, { what: 'the end of the note' });
  });

  // Planted fault: without a next key that may be given up meanwhile, it stands at the third one here.
  it('a row of bad keys with nothing else behind it is parked one key after the other', async () => {
    throws = (_key, n) => (n < 5 ? new TypeError('bad') : undefined);
    await publish(6, 6);
    await start({ systemic: { keys: 3, withinMs: 100 } });
    await scene.settled(6);
    expect(await scene.letters()).toHaveLength(5);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([5]);
  });

  it('G5b: a partition pauses when every event fails by a bug, with few dead letters instead of a topic of them', async () => {
    throws = () => new TypeError('deployed broken');
    await publish(40, 40);
    const service = await start({ systemic: { keys: 5, withinMs: 60_000 } });
    await paused(service, 'systemic_fault');
    expect(await scene.letters()).toHaveLength(4);
    await waitUntil(async () => (await noted()) !== null, { what: 'the note for operators' });
    const first = await noted();
    expect(first).toMatchObject({
      code: 'systemic_fault',
      reason: expect.stringMatching(/^key after key of .* fails/) as string,
    });
    // A process that goes leaves what it waited for, with its time: the consumer is then shown as gone, too.
    await service.stop();
    expect(await noted()).toEqual(first);
    // The next process begins anew and comes to the same: for an operator it is one wait, in a crash loop, too.
    const next = await start({ systemic: { keys: 5, withinMs: 60_000 } });
    await paused(next, 'systemic_fault');
    expect(await scene.letters()).toHaveLength(8);
    expect((await noted())?.since).toEqual(first?.since);
  });
});
