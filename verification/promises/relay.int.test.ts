import { relay } from 'convergekit/process';
import { memoryBroker, waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { Scene } from './fixture/scene.ts';

const WRITTEN = 3_000;
const KEYS = 7;

// Planted fault: without the limit of the read-ahead everything that is written meanwhile is in memory.
it('G5v: while the broker is away the relay keeps a bounded number of events in memory, and delivers everything in order afterwards', async () => {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const scene = await Scene.open('');
  onTestFinished(() => scene.close());
  const admin = await broker.admin();
  await admin.createTopic({ name: 'away', partitions: 2 });
  const readAheadEvents = 600;
  const service = relay({
    database: scene.database,
    broker,
    readAheadEvents,
    pageRows: 100,
    leaseMs: 60_000,
    alarmAfterMs: 100,
    surveyMs: 100,
    poll: { idleMs: 20 },
  });
  await scene.run(service);
  const status = () => {
    const now = service.status();
    return now.state === 'leading' ? now : undefined;
  };
  await waitUntil(() => status() !== undefined, { what: 'the relay to lead' });
  const emit = (from: number, to: number) =>
    scene.rows(
      `select converge.emit('away', 'k' || n % ${KEYS}, 'test.away', '{"n":' || n || '}', '{}') from generate_series($1::int, $2::int) n`,
      [from, to],
    );
  await emit(1, KEYS);
  await waitUntil(() => service.status().published >= KEYS, { what: 'the first events' });
  broker.takeDown();
  await emit(KEYS + 1, WRITTEN);
  let most = 0;
  await waitUntil(
    () => {
      most = Math.max(most, status()?.queued ?? 0);
      return (
        most >= readAheadEvents && service.status().alarms.some(({ name }) => name === 'broker_unreachable')
      );
    },
    { what: 'the read-ahead to be full, and the alarm' },
  );
  expect(most).toBeLessThan(readAheadEvents * 2);
  expect(status()?.held).toEqual([]);
  broker.restore();
  const records = async () => {
    const found: { readonly key: string; readonly n: number }[] = [];
    for (const { partition, earliest, latest } of await admin.logEnds('away'))
      for await (const { key, value } of admin.read('away', partition, earliest, latest))
        found.push({
          key: key?.toString() ?? '',
          ...(JSON.parse(value?.toString() ?? '{}') as { n: number }),
        });
    return found;
  };
  await waitUntil(async () => (await records()).length >= WRITTEN, { what: 'all events', everyMs: 200 });
  const byKey = Map.groupBy(await records(), ({ key }) => key);
  expect([...byKey.values()].reduce((sum, own) => sum + own.length, 0)).toBe(WRITTEN);
  for (const own of byKey.values()) {
    const numbers = own.map(({ n }) => n);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
});
