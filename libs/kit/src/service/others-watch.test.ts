import { defineConsumer } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { manualClock, waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { othersWatch } from './others-watch.ts';

it('a topic without events and a consumer that does not run are named once, when other services had time to start', async () => {
  const broker = memoryBroker();
  const admin = await broker.admin();
  for (const name of ['orders', 'payments']) await admin.createTopic({ name, partitions: 2 });
  const producer = await broker.producer();
  const record = { key: 'k', value: '{}', headers: [], timestampMs: 0 };
  await producer.send([{ topic: 'orders', partition: 1, records: [record] }]);
  const handlers = {
    assigned: () => Promise.resolve(new Map()),
    batch: () => Promise.resolve(),
    outOfRange: () => Promise.resolve(),
  } as never;
  const bank = broker.consumer({ groupId: 'bank', topics: ['orders'], handlers });
  await bank.start();
  await waitUntil(async () => (await admin.members('bank')).length === 1, { what: 'the member' });
  const lines: string[] = [];
  const log = { warn: (line: string) => lines.push(line), debug: () => undefined } as never;
  const clock = manualClock();
  const others = { topics: ['orders', 'payments'], consumers: ['bank', 'bnak'] };
  const plan = { consumers: [defineConsumer('bank')], others, writes: ['payment'] };
  const watch = othersWatch({ admin: () => broker.admin(), plan, log, clock });
  await watch.start();
  await clock.advance(14_000);
  expect(lines).toEqual([]);
  await clock.advance(1_000);
  await waitUntil(() => lines.length === 2, { what: 'both lines' });
  expect(lines).toEqual([
    expect.stringMatching(
      /^topic payments has no event yet.*correct its name .* if payment is meant.*CONVERGE__LOCAL__URL/,
    ),
    expect.stringMatching(
      /^no consumer bnak runs.*give bank to onFailure.*list it in `consumers`.*start the service/,
    ),
  ]);
  await watch.stop();
  await bank.stop();
  await broker.close();
});
