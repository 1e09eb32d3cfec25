import { startTelemetry } from '@convergekit/telemetry/sdk';
import { DatabaseTime } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { watchLag } from './lag-watch.ts';
import { OUTSIDE_MS, readyCheck } from './status.ts';
import { systemClock, systemRandom } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';

// Planted faults: with the lag of the last batch instead of the log's end, the halted partition stays at 1 behind here;
// without `named`, it counts as stuck; with `live` always well, the one that is stuck counts as live.
it('a consumer reports its lag and its age, and is not live when it stands still without a reason', async () => {
  const telemetry = startTelemetry({ serviceName: 'test' });
  onTestFinished(() => telemetry.shutdown());
  const { scene, name, topic, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  const other = testEvents(`returns-${tag()}`);
  await makeTopics(scene.broker, [other.counted.topic], 1);
  const stuck = Promise.withResolvers<undefined>();
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' })
    .on(events.counted, (event, { tx }) => note(tx, event))
    .on(other.counted, { name: 'stuck' }, async (event, { tx }) => {
      await stuck.promise;
      await note(tx, event);
    });
  // The clock of its process was set an hour ahead: no record is an hour old for that.
  const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  const service = await scene.start(consumer, { clock, watchMs: 20, lagEveryMs: 20, stalledAfterMs: 1 });
  const of = (wanted: string) => service.status()[0]!.partitions.find((one) => one.topic === wanted);
  const behind = (wanted: string, lag: bigint) =>
    waitUntil(() => of(wanted)?.lag === lag, { what: `a lag of ${lag}` });
  const samples = async (metric: string) =>
    (await telemetry.scrape()).body
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`) && line.includes(name) && !line.endsWith(' 0'));

  // The partition halts at a gap, and more events come behind it: the member is behind, and gives the reason.
  const sent = Date.now();
  await scene.source.publish(scene.broker, [events.counted({ key: 'k', n: 1 })]);
  scene.source.record(events.counted({ key: 'k', n: 2 }));
  await scene.source.publish(scene.broker, [events.counted({ key: 'k', n: 3 })]);
  await waitUntil(() => of(topic)?.state === 'halted', { what: 'the halt' });
  for (const n of [4, 5]) await scene.source.publish(scene.broker, [events.counted({ key: 'k', n })]);
  await behind(topic, 3n);
  expect(of(topic)?.oldestMs).toBeGreaterThanOrEqual(sent);
  await scene.source.publish(scene.broker, [events.counted({ key: 'k', n: 6 })]);
  await behind(topic, 4n);
  expect(service.live()).toEqual({ [name]: { ok: true } });

  // No reason is known here.
  await scene.source.publish(
    scene.broker,
    [1, 2].map((n) => other.counted({ key: 'k', n })),
  );
  const dead = await waitUntil(() => (service.live()[name]!.ok ? undefined : service.live()[name]), {
    what: 'the partition to count as stuck',
  });
  expect(dead).toEqual({
    ok: false,
    detail: expect.stringMatching(
      new RegExp(
        `^${other.counted.topic}/0 stands at offset 0 for \\d+ s, 2 records behind, without a reason$`,
      ),
    ) as string,
  });
  const labels = (of: string) => `converge_consumer="${name}",converge_topic="${of}"`;
  expect((await samples('converge_inbox_lag')).toSorted()).toEqual(
    [
      `converge_inbox_lag{${labels(topic)}} 4`,
      `converge_inbox_lag{${labels(other.counted.topic)}} 2`,
    ].toSorted(),
  );
  expect(await samples('converge_inbox_halted')).toEqual([
    `converge_inbox_halted{${labels(topic)},converge_attempt_reason="gap"} 1`,
  ]);
  const ages = await samples('converge_inbox_oldest_age_seconds');
  expect(ages).toHaveLength(2);
  expect(ages.filter((line) => Number(line.split(' ').at(-1)) > 3_000)).toEqual([]);
  const { rows: waits } = await scene.database.executor.query(
    `select wait_code from converge.inbox_partition where wait_code is not null`,
  );
  expect(waits).toEqual([]);

  stuck.resolve(undefined);
  await behind(other.counted.topic, 0n);
  expect(of(other.counted.topic)?.oldestMs).toBeUndefined();
  await waitUntil(() => service.live()[name]!.ok, { what: 'it to be live again' });
  expect(await lines(scene.database)).toHaveLength(3);
});

// Planted fault: a member without partitions reports that it is 0 records behind, for whatever reason it has none.
it('a consumer that is outside of its group for longer than a rebalance is not ready, and reports no lag', async () => {
  const telemetry = startTelemetry({ serviceName: 'test' });
  onTestFinished(() => telemetry.shutdown());
  const name = `outside-${tag()}`;
  let isOutside = true;
  const ending = new AbortController();
  const definition = { name, topics: ['orders'] };
  const context = {
    clock: systemClock,
    random: systemRandom,
    log: logger('test'),
    definition,
    time: new DatabaseTime(systemClock),
  };
  let looks = 0;
  const watched = {
    partitions: () => ((looks += 1), []),
    waiting: () => false,
    outside: () => isOutside,
  };
  const watching = watchLag(context as never, {} as never, watched, 1, ending.signal);
  const lags = async () =>
    (await telemetry.scrape()).body.split('\n').filter((line) => line.includes(name) && /_lag\{/.test(line));
  await waitUntil(() => looks > 2, { what: 'two looks' });
  expect(await lags()).toEqual([]);
  isOutside = false;
  await waitUntil(async () => (await lags()).length > 0, { what: 'a lag' });
  ending.abort();
  await watching;
  expect(readyCheck(undefined)).toEqual({ ok: true });
  expect(readyCheck({ forMs: OUTSIDE_MS, error: undefined })).toEqual({ ok: true });
  expect(readyCheck({ forMs: 300_000, error: new Error('the broker refused the credentials') })).toEqual({
    ok: false,
    detail: expect.stringMatching(
      /in no group for 300 s, so it handles no events, .*: the broker refused the credentials$/,
    ) as string,
  });
});
