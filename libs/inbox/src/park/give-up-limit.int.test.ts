import { defineEvent } from '@convergekit/contracts';
import { KIT_TYPES } from '@convergekit/contracts/engine';
import { ConvergeError, systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { GIVE_UP_LIMIT } from '../alarms.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { listParked } from '../operate/parked-list.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import { inPlace, quickRetries } from '../testing/quick.ts';

const operator = { by: 'ann', reason: 'fixed in 1.4.2' };

describe('a consumer whose deployment is wrong', () => {
  let scene: FailureScene;
  const { name, topic, counted } = sceneForEach((opened) => (scene = opened));
  let fails: (n: number) => boolean = () => false;
  afterEach(() => (fails = () => false));

  const start = (giveUp: { afterMs: number; perHour: number }, aheadMs = 0) =>
    scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        if (fails(event.data.n)) throw new Error('a wrong release');
        await note(tx, event);
      }),
      {
        ...quickRetries({ giveUp }),
        watchMs: 20,
        clock: { ...systemClock, now: () => systemClock.now() + aheadMs },
      },
    );
  const publish = (count: number) =>
    scene.source.publish(
      scene.broker,
      Array.from({ length: count }, (_, n) => counted({ key: `k${n}`, n })),
    );
  const failureEvents = async () =>
    (await scene.outbox()).filter(({ type }) => type === KIT_TYPES.failure).length;
  const applied = async () => new Set((await lines(scene.database)).map(({ n }) => n)).size;
  const halt = async () => {
    const { rows } = await scene.database.executor.query<{ code: string | null; reason: string | null }>(
      'select halted_code as code, halted_reason as reason from converge.inbox_partition',
    );
    return rows[0];
  };
  const paused = () =>
    waitUntil(async () => ((await halt())?.code === GIVE_UP_LIMIT ? halt() : undefined), {
      what: 'the pause',
    });
  const resume = (pass = false) => scene.resume(name, topic, { ...operator, pass });

  it.each([10, 50, 100])(
    'G5w, N20: with %i percent of events failing, at most 5 are given up, then it pauses; after the fix and one resume the others take effect',
    async (percent) => {
      const bad = (n: number): boolean => n % 100 < percent;
      const count = percent === 10 ? 100 : 40;
      fails = bad;
      const service = await start({ afterMs: 200, perHour: 5 });
      await publish(count);
      const { reason } = await paused();
      expect(reason).toMatch(
        /^5 events were given up within an hour for a bug, .*UNCLASSIFIED in handler test.counted/,
      );
      expect(reason).toContain(`converge consumers resume ${name} --reason`);
      await waitUntil(() => service.status()[0]?.partitions[0]?.state === 'halted', { what: 'the halt' });
      expect([await failureEvents(), service.status()[0]?.partitions[0]]).toMatchObject([
        5,
        { code: GIVE_UP_LIMIT },
      ]);
      const given = await listParked(scene.database.executor, { states: ['dead'] }, 99);
      expect(given).toHaveLength(5);
      // An attempt that failed before the fix and is recorded behind the resume would pause the consumer again.
      const isLeased = 'select from converge.parked_key where leased_until > clock_timestamp()';
      await waitUntil(async () => (await scene.database.executor.query(isLeased)).rowCount === 0, {
        what: 'the attempts under way to end',
      });
      fails = () => false;
      await resume();
      await waitUntil(async () => (await applied()) === count - 5, { what: 'the other effects' });
      await waitUntil(async () => (await listParked(scene.database.executor, {}, 99)).length === 5, {
        what: 'the parked keys to be released',
      });
      expect([await failureEvents(), (await halt())?.code]).toEqual([5, null]);
      const { rows } = await scene.database.executor.query(
        `select act, before ->> 'halted' as halted, by from converge.audit`,
      );
      expect(rows).toEqual([{ act: 'consumers resume', halted: GIVE_UP_LIMIT, by: 'ann' }]);
    },
  );

  // Seen to fail with the first attempt's time of a process whose clock is behind: its time was over at the first retry.
  it.each([
    ['', 0],
    [', also where the clock of its process is a day behind the database’s', -86_400_000],
  ])(
    'a bug that is fixed within its time compensates nothing, and only its key waits meanwhile%s',
    async (_, aheadMs) => {
      fails = (n) => n === 1;
      await start({ afterMs: 900_000, perHour: 5 }, aheadMs);
      await publish(4);
      await waitUntil(async () => (await applied()) === 3, { what: 'the other keys' });
      const [parked] = await waitUntil(
        async () => {
          const found = await listParked(scene.database.executor, {}, 9);
          return found.length === 1 ? found : undefined;
        },
        { what: 'the parked event' },
      );
      expect(parked).toMatchObject({ key: 'k1', state: 'waiting', category: 'bug', failureEvent: null });
      const tries = 'select from converge.parked where tries >= 3';
      await waitUntil(
        async () => (await scene.database.executor.query(tries)).rowCount > 0 || (await failureEvents()) > 0,
        {
          what: 'three retries',
        },
      );
      fails = () => false;
      await waitUntil(async () => (await applied()) === 4, { what: 'the event that failed' });
      expect(await failureEvents()).toBe(0);
    },
  );

  // For the fault: a count that begins anew at each resume. A script that resumes then lets the limit be compensated each time.
  it('the limit holds over resumes; one with --continue lets as many again be given up', async () => {
    fails = (n) => n < 4;
    await start({ afterMs: 50, perHour: 2 });
    await publish(6);
    for (let times = 0; times < 3; times += 1) {
      await paused();
      expect(await failureEvents()).toBe(2);
      await resume(times === 2);
    }
    await waitUntil(async () => (await failureEvents()) === 4, { what: 'the other two' });
    await waitUntil(async () => (await applied()) === 2, { what: 'those that do not fail' });
    expect([await failureEvents(), (await halt())?.code]).toEqual([4, null]);
  });

  // Seen to fail when the resume's time is compared with those of attempts: a clock behind gives up without a limit, one ahead nothing.
  it.each([
    ['behind', -86_400_000],
    ['ahead of', 86_400_000],
  ])(
    'a process whose clock is a day %s the database’s gives up no more, and no less, after --continue',
    async (_, aheadMs) => {
      fails = (n) => n < 10;
      await start({ afterMs: 50, perHour: 2 }, aheadMs);
      await publish(12);
      for (const given of [2, 4, 6]) {
        await paused();
        expect(await failureEvents()).toBe(given);
        await resume(true);
      }
    },
  );

  const strict = defineEvent('test.counted', {
    version: 1,
    topic,
    key: (value: { key: string }) => value.key,
    data: z.object({ key: z.string(), n: z.int().max(-1) }),
  });
  const refusedBy = {
    schema: defineConsumer<LedgerDb>(name, { from: 'first' }).on(strict, () => undefined),
    handler: defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => {
      throw new ConvergeError('no', { code: 'BAD', category: 'data', certainty: 'not_applied' });
    }),
  };

  // For the faults: bad data that does not count; a slice of several refused events that is not split: it gives up none.
  it.each(['schema', 'handler'] as const)(
    'data that the %s of a deployment refuses is given up within the limit',
    async (by) => {
      const policies = inPlace({ giveUp: { afterMs: 0, perHour: 3 } });
      await scene.start(refusedBy[by], { policies, watchMs: 20 });
      await publish(8);
      expect((await paused()).reason).toContain('3 events were given up within an hour');
      expect(await failureEvents()).toBe(3);
    },
  );

  it('events of a stranger that no schema accepts are dead letters, and do not pause the consumer', async () => {
    await start({ afterMs: 0, perHour: 1 });
    await publish(1);
    await waitUntil(async () => (await applied()) === 1, { what: 'the source to be known' });
    const records = [1, 2, 3, 4].map((n) => {
      const { record, ...place } = foreignRecord(counted({ key: `k${n}`, n }), `id-${n}`, 1);
      return { ...place, record: { ...record, value: '{}' } };
    });
    await sendRecords(scene.broker, records);
    await waitUntil(async () => (await scene.letters()).length === 4, { what: 'the dead letters' });
    expect((await halt())?.code).toBeNull();
  });

  it('with a limit of 0 the consumer pauses in place of giving up any event, in its partition too', async () => {
    fails = (n) => n === 1;
    await start({ afterMs: 0, perHour: 0 });
    await publish(3);
    await paused();
    expect(await failureEvents()).toBe(0);
    fails = () => false;
    await resume();
    await waitUntil(async () => (await applied()) === 3, { what: 'all effects' });
    expect(await listParked(scene.database.executor, {}, 9)).toEqual([]);
  });

  it('two members that give up at once keep the limit together', async () => {
    fails = () => true;
    await Promise.all([start({ afterMs: 100, perHour: 3 }), start({ afterMs: 100, perHour: 3 })]);
    await publish(30);
    await paused();
    expect(await failureEvents()).toBe(3);
  });
});
