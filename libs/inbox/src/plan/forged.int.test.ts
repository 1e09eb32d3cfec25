import { formatPosition, parsePosition, WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { beforeEach, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type FixtureRecord, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import type { ResumeOptions } from '../operate/resume.ts';
import { planReplay, replayPartition } from '../replay/replay.ts';
import type { ReplayFrom } from '../replay/scan.ts';
import { makeTopics } from '../testing/quick.ts';
import type { ConsumerService } from '../service/consumer-service.ts';

/**
 * A writer of the topic who claims positions of a source that is not its own. Planted faults, each seen to fail here:
 * `planSlice` without `jumpOf` (the record counts, and its source's next event is taken for the forged one), and without
 * `forkOf`; a fork that does not look at the id; a rejection that leaves the watermark where the forged record put it.
 */

let scene: FailureScene;
const { name, topic, counted } = sceneForEach((opened) => (scene = opened));
let service: ConsumerService;
beforeEach(async () => {
  service = await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) => note(tx, event)),
    { watchMs: 20 },
  );
  await publish(1, 2);
  await handled(1, 2);
});

const publish = (...ns: readonly number[]) =>
  scene.source.publish(
    scene.broker,
    ns.map((n) => counted({ key: 'k', n })),
  );
const handled = (...ns: readonly number[]) =>
  waitUntil(
    async () => JSON.stringify((await lines(scene.database)).map(({ n }) => n)) === JSON.stringify(ns),
    {
      what: `events ${ns.join(', ')}`,
    },
  );
const halted = () =>
  waitUntil(
    () => {
      const partition = service.status()[0]!.partitions[0];
      return partition?.state === 'halted' ? partition : undefined;
    },
    { what: 'the partition to halt' },
  );
/** Forges a record as an attacker with read access would: the source's next event, with another position. */
function forged(change: (next: string) => string, n = 99, source = scene.source.copy()): FixtureRecord {
  const { record, ...place } = source.record(counted({ key: 'k', n }));
  const headers = record.headers.map(([header, value]): [string, string] => {
    const text = value;
    return header === WIRE.position ? [header, change(formatPosition(parsePosition(text)))] : [header, text];
  });
  return { ...place, record: { ...record, headers } };
}
const resume = (options: Partial<ResumeOptions>) =>
  scene.resume(name, topic, { reason: 'forged', ...options });
const reject = (offset: bigint) => resume({ reject: offset });
async function replay(from: ReplayFrom): Promise<void> {
  const admin = await scene.broker.admin();
  const plan = await planReplay(
    scene.database.executor,
    admin,
    { consumer: name, topic, partition: 0 },
    from,
  );
  await replayPartition(scene.database, admin, plan, { by: 'ann', reason: 'restored' });
  await admin.close();
}

it.each([
  ['a tick far ahead', () => '1.9223372036854775807.1'],
  ['an epoch from nowhere', () => '2147483647.1.1'],
])('G4b, N8: a record with %s halts its partition before its position counts', async (_, change) => {
  await sendRecords(scene.broker, [forged(change)]);
  await publish(3, 4);
  const { code, reason } = await halted();
  expect(code).toBe('position_jump');
  expect(reason).toContain(`${topic}/0 at offset 2`);
  expect(reason).toContain(`--reject 2`);
  await reject(2n);
  await handled(1, 2, 3, 4);
  expect(await scene.letters()).toMatchObject([{ code: 'RECORD_REJECTED' }]);
});

it('a jump of the source itself is passed, and counts, when an operator resumes with pass', async () => {
  await sendRecords(scene.broker, [forged(() => '1.40000000000.1')]);
  await halted();
  await resume({ pass: true });
  await handled(1, 2, 99);
});

it('G4b: two events with one predecessor halt their partition, which names both, and the forged one can be rejected', async () => {
  await sendRecords(scene.broker, [forged(() => '1.5000.1')]);
  await handled(1, 2, 99);
  await publish(3, 4);
  const { code, reason } = await halted();
  expect(code).toBe('fork');
  expect(reason).toContain('at offset 3');
  expect(reason).toContain('at offset 2, position 1.5000.1');
  await reject(2n);
  await handled(1, 2, 99, 3, 4);
});

// Planted fault: a look at repeats alone. The events between were lost in silence: in local mode the log goes back with the
// database that it is in, and new events may have offsets and positions that a consumer elsewhere has passed.
it('G4b: an event of a source that does not know the last handled one halts its partition, and a replay handles what was passed over', async () => {
  const restored = scene.source.copy();
  await publish(3, 4);
  await handled(1, 2, 3, 4);
  const now = Date.now();
  await waitUntil(() => Date.now() > now, { what: 'a later time than that of event 4' });
  await restored.publish(scene.broker, [counted({ key: 'k', n: 98 })]);
  await sendRecords(scene.broker, [forged(() => '1.5000.1', 99, restored)]);
  const { code, reason } = await halted();
  expect(code).toBe('fork');
  expect(reason).toContain('its source does not know that event');
  expect(reason).toContain(`converge consumers replay ${name} --topic ${topic} --partition 0 --since`);
  await replay({ kind: 'since', timeMs: now + 1 });
  await handled(1, 2, 3, 4, 98, 99);
});

it('an event with the position of the next one is detected by its id', async () => {
  await sendRecords(scene.broker, [forged((next) => next)]);
  await handled(1, 2, 99);
  await publish(3, 4);
  expect((await halted()).reason).toContain('another event has its position');
  await reject(2n);
  await handled(1, 2, 99, 3, 4);
});

it('a forged epoch is detected when its source sends again, and rejected with its watermark', async () => {
  await sendRecords(scene.broker, [forged(() => '2.1.1')]);
  await handled(1, 2, 99);
  await publish(3);
  const { code, reason } = await halted();
  expect(code).toBe('epoch_superseded');
  expect(reason).toContain('--reject 2');
  await reject(2n);
  await handled(1, 2, 99, 3);
});

it('a partition that continues with the other event after a fork takes the later record for a duplicate', async () => {
  await sendRecords(scene.broker, [forged(() => '1.5000.1')]);
  await handled(1, 2, 99);
  await publish(3);
  await halted();
  await reject(3n);
  await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 4n, { what: 'offset 4' });
  await handled(1, 2, 99);
});

// Planted fault: rejections that are read without the topic's id. The genuine record at the offset was a dead letter.
it('a rejected offset does not count in a topic that was created anew', async () => {
  await sendRecords(scene.broker, [forged(() => '1.9223372036854775807.1')]);
  await halted();
  await reject(2n);
  await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 3n, { what: 'offset 3' });
  const admin = await scene.broker.admin();
  await admin.deleteTopic(topic);
  await makeTopics(scene.broker, [topic], 1);
  await admin.close();
  expect((await halted()).code).toBe('topic_recreated');
  await expect(resume({ fromEarliest: true, reject: 0n })).rejects.toMatchObject({ code: 'RESUME_REFUSED' });
  await resume({ fromEarliest: true });
  await publish(3, 4, 5, 6);
  await waitUntil(
    () => {
      const partition = service.status()[0]!.partitions[0]!;
      return partition.nextOffset === 4n || (partition.state === 'halted' && partition.code === 'gap');
    },
    { what: 'offset 4, or a gap' },
  );
  expect((await lines(scene.database)).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await scene.letters()).toHaveLength(1);
});

// Planted fault: a resume that takes any offset. The event that came there later was a dead letter, and the next one a gap.
it.each([
  ['that the log does not have', 4n, 'has no record at offset 4'],
  ['behind the record at which it is halted', 3n, 'is halted at offset 2'],
])('an offset %s cannot be rejected', async (_, mistyped, why) => {
  await sendRecords(scene.broker, [forged(() => '1.9223372036854775807.1')]);
  await publish(3);
  await halted();
  await expect(reject(mistyped)).rejects.toMatchObject({
    code: 'RESUME_REFUSED',
    message: expect.stringContaining(why) as string,
  });
  await reject(2n);
  await publish(4, 5);
  await handled(1, 2, 3, 4, 5);
});

// Planted fault: a fork by times of which this consumer's clock knows nothing. Genuine events were accused.
it('the repeats of a relay are no fork for a consumer whose clock is two hours behind', async () => {
  const later = Date.now() + 2 * 3_600_000;
  const records = [3, 4, 5].map((n) => {
    const { record, ...place } = scene.source.record(counted({ key: 'k', n }));
    const headers = record.headers.map(([header, value]): [string, string] => [
      header,
      header === WIRE.time ? new Date(later).toISOString() : value,
    ]);
    return { ...place, record: { ...record, headers } };
  });
  await sendRecords(scene.broker, records);
  await handled(1, 2, 3, 4, 5);
  await sendRecords(scene.broker, records);
  await publish(6);
  await handled(1, 2, 3, 4, 5, 6);
});
