import { manualClock, waitUntil } from '@convergekit/testing';
import { StatementTap } from '../../../testing/src/fixture/statement-tap.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { slicesOf } from '../fixture/slices-sent.ts';
import type { ConsumerService } from '../service/consumer-service.ts';
import { DEFER_MS } from './deferral.ts';

/**
 * Tests of what slices send, counted in the bytes on the wire. Planted faults, each seen to fail here: a slice of skipped
 * events with a transaction of its own; types that are looked up although their version is the same; an append that is
 * not sent with COMMIT.
 */
describe('what a slice sends', () => {
  let scene: FailureScene;
  let sent: StatementTap;
  const { name, counted, priced } = sceneForEach((opened) => (scene = opened));
  beforeEach(() => {
    sent = new StatementTap();
    sent.attach('consumer', scene.database.pool);
  });

  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(
    counted,
    async (event, { tx, emit }) => {
      await note(tx, event);
      emit(priced(event.data));
    },
  );
  const effects = async () => (await lines(scene.database)).map(({ n }) => n);
  const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;
  const offset = (service: ConsumerService) => service.status()[0]?.partitions[0]?.nextOffset;

  it('G3b: 200 events without a handler that arrive one by one take one transaction', async () => {
    const clock = manualClock();
    const service = await scene.start(consumer, { clock });
    for (let n = 0; n < 200; n += 1) {
      await scene.source.publish(scene.broker, [priced({ key: 'k', n })]);
      await waitUntil(() => offset(service) === BigInt(n + 1), { what: 'the event', everyMs: 2 });
    }
    expect([slicesOf(sent).length, await scene.offset()]).toEqual([0, 0]);
    await clock.advance(DEFER_MS);
    await waitUntil(async () => (await scene.offset()) === 200, { what: 'the saved position' });
    expect(slicesOf(sent)).toHaveLength(1);
    expect(service.status()[0]?.partitions[0]?.counts.skipped).toBe(200);
  });

  it('a slice with one handled event sends its own work in two batches', async () => {
    const service = await scene.start(consumer, { clock: manualClock() });
    for (let n = 0; n < 5; n += 1) {
      await scene.source.publish(scene.broker, [counted({ key: 'k', n }), priced({ key: 'k', n })]);
      await waitUntil(() => offset(service) === BigInt(2 * n + 2), { what: 'the slice', everyMs: 2 });
    }
    expect(await lines(scene.database)).toHaveLength(5);
    // A session sends append and COMMIT together once it is known: from its second transaction on.
    const last = slicesOf(sent).at(-1);
    expect(last?.statements.map((text) => text.split(/[ (]/).slice(0, 3).join(' '))).toEqual([
      'start transaction read',
      'select /* converge:',
      'with limits as',
      'insert into "ledger"',
      'select converge.outbox_append_one $1,',
      'commit',
    ]);
    // BEGIN and the fence · the handler's statement · the append and COMMIT.
    expect(last?.roundTrips).toBe(3);
  });

  // Planted fault: a drain that claims although it counted no key.
  it('a consumer with nothing parked only counts what is parked', async () => {
    await scene.start(consumer);
    const about = (part: string) =>
      sent.transactions.flatMap(({ statements }) => statements).filter(({ text }) => text.includes(part));
    await waitUntil(() => about('count(*) from converge.parked_key').length >= 5, { what: 'five counts' });
    expect(about('update converge.parked_key')).toEqual([]);
    expect(about('min(greatest(next_at')).toEqual([]);
  });

  // Planted fault: without `failedWithCommit` in `faultOf` the refusal counts as an outage, and the partition waits.
  it('events that the outbox refuses at the commit fail their own event, which takes effect later', async () => {
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx, emit }) => {
        await note(tx, event);
        if (event.data.key !== 'silent') emit(priced(event.data));
      }),
    );
    const publish = (key: string, n: number) => scene.source.publish(scene.broker, [counted({ key, n })]);
    const until = (count: number) =>
      waitUntil(async () => (await effects()).length === count, { what: `${count} effects` });
    const together = () => slicesOf(sent).some(({ roundTrips }) => roundTrips === 3);
    let n = 0;
    for (; !together(); n += 1) {
      await publish('k', n);
      await until(n + 1);
    }
    await rows(
      `update converge.source set max_bytes = 1, refuse = true, waiting_bytes = 2, measured_at = clock_timestamp();
       select setval('converge.outbox_room', 2 * extract(epoch from clock_timestamp())::bigint + 1)`,
    );
    await publish('k', n);
    await waitUntil(async () => (await rows('select from converge.parked')).length === 1, {
      what: 'the refused event to be parked',
    });
    expect(await rows('select state, code, category from converge.parked')).toEqual([
      { state: 'waiting', code: 'OUTBOX_FULL', category: 'service' },
    ]);
    await publish('silent', n + 1);
    await until(n + 1);
    expect((await effects()).at(-1)).toBe(n + 1);
    await rows(`update converge.source set refuse = false`);
    await until(n + 2);
    expect((await effects()).toSorted((a, b) => a - b)).toEqual(Array.from({ length: n + 2 }, (_, at) => at));
    expect(await scene.outbox()).toHaveLength(n + 1);
  });
});
