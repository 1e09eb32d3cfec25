import { waitUntil } from '@convergekit/testing';
import { StatementTap } from '@convergekit/testing/engine';
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { slicesOf } from '../fixture/slices-sent.ts';

describe('emitted events that are sent with the commit of their slice', () => {
  let scene: FailureScene;
  let sent: StatementTap;
  const { name, counted, priced } = sceneForEach((opened) => (scene = opened));
  beforeEach(() => {
    sent = new StatementTap();
    sent.attach('consumer', scene.database.pool);
  });
  const effects = async () => (await lines(scene.database)).map(({ n }) => n);
  const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;

  // Planted fault: without `failedWithCommit` in `faultOf` the refusal counts as an outage, and the partition waits.
  it('events that the outbox refuses at the commit fail their own event, which takes effect later', async () => {
    await scene.start(
      defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(counted, async (event, { tx, emit }) => {
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
      `update converge.source set max_bytes = 1, refuse = true, waiting_bytes = 2, measured_at = clock_timestamp()`,
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
