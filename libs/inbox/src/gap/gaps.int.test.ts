import type { DomainEvent } from '@convergekit/contracts';
import { parsePosition, WIRE } from '@convergekit/contracts/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { withTransaction } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { describe, expect, it } from 'vitest';
import { defineConsumer, type DefineConsumerOptions } from '../define/define-consumer.ts';
import { type FillEvent, putFill } from './fill-sql.ts';
import { findGaps } from './gap.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { type FixtureRecord, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { makeTopics } from '../testing/quick.ts';
import type { ResumeOptions } from '../operate/resume.ts';

describe('a partition at a gap', () => {
  let scene: FailureScene;
  const { name, topic, ...events } = sceneForEach((opened) => (scene = opened));

  const start = (options: Partial<DefineConsumerOptions> = {}, fails: readonly number[] = []) =>
    scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first', ...options }).on(events.counted, (event, { tx }) => {
        if (fails.includes(event.data.n)) throw new TypeError('a bug');
        return note(tx, event);
      }),
      { watchMs: 20, sliceSize: 3 },
    );
  const counted = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, at) => events.counted({ key: 'k', n: from + at }));
  /** Events that the source has and the log never got. */
  const lose = (lost: readonly DomainEvent[]): readonly FixtureRecord[] =>
    lost.map((event) => scene.source.record(event));
  const handled = async () => (await lines(scene.database)).map(({ n }) => n);
  const until = (count: number) =>
    waitUntil(async () => ((await handled()).length >= count ? handled() : undefined), {
      what: `${count} effects`,
    });
  const numbers = (from: number, to: number) => counted(from, to).map((_, at) => from + at);
  const halted = (service: Awaited<ReturnType<typeof start>>) =>
    waitUntil(
      () => {
        const [found] = service.status()[0]!.partitions;
        return found?.state === 'halted' ? found : undefined;
      },
      { what: 'the halt' },
    );

  async function fill(lost: readonly FixtureRecord[]): Promise<number> {
    const { database, broker } = scene;
    const admin = await broker.admin();
    const [gap] = await findGaps(database.executor, admin, name);
    await admin.close();
    return withTransaction(database, {}, (tx) => putFill(tx, gap!, lost.map(fillEvent)));
  }
  const resume = (options: Partial<ResumeOptions> = {}) =>
    scene.resume(name, topic, { reason: 'lost', ...options });
  const left = async () => (await scene.database.executor.query('select from converge.inbox_fill')).rowCount;
  const passed = async () =>
    (
      await scene.database.executor.query(
        `select concat_ws('.', after_epoch, after_tick, after_id) as after, concat_ws('.', up_to_epoch, up_to_tick, up_to_id) as upto,
                concat_ws('.', filled_epoch, filled_tick, filled_id) as filled, passed_by from converge.inbox_gap`,
      )
    ).rows;

  // Planted fault: without the watch of operators the partition stands still for ever here, and with the fill not worked
  // before the log (`workFill` taken out) it halts again.
  it('G4a: a partition halted at a gap handles filled events in their place once it is resumed, without a restart', async () => {
    const service = await start({ onDead: 'skip' }, [7]);
    await scene.source.publish(scene.broker, counted(1, 4));
    await until(4);
    const lost = lose(counted(5, 11));
    await scene.source.publish(scene.broker, counted(12, 14));
    expect(await halted(service)).toMatchObject({
      code: 'gap',
      reason: expect.stringContaining('resume') as string,
    });
    expect(await fill(lost)).toBe(7);
    expect(await fill(lost)).toBe(0);
    expect(await handled()).toEqual(numbers(1, 4));
    expect(await resume()).toMatchObject({ code: 'gap', passOffset: undefined });
    // The filled events are handled in order, once each, with the ids of the source; 7 fails as from the log.
    const found = await until(13);
    expect(found).toEqual(numbers(1, 14).filter((n) => n !== 7));
    expect((await lines(scene.database)).slice(4, 6).map(({ event_id }) => event_id)).toEqual(
      lost.slice(0, 2).map(({ record }) => headerOf(record, WIRE.id)),
    );
    expect(await scene.letters()).toMatchObject([{ code: 'TypeError' }]);
    expect([await left(), await passed()]).toEqual([0, []]);
    const fence = await scene.database.executor.query(
      // One is the resume's.
      'select fills > 1 as moved from converge.inbox_partition',
    );
    expect(fence.rows).toContainEqual({ moved: true });
    await scene.source.publish(scene.broker, counted(15, 15));
    expect((await until(14)).at(-1)).toBe(15);
  });

  it('a partition resumed without a fill halts again, and options that do not fit its halt are refused', async () => {
    const service = await start();
    await expect(resume()).rejects.toMatchObject({ code: 'RESUME_REFUSED' });
    await scene.source.publish(scene.broker, counted(1, 2));
    await until(2);
    lose(counted(3, 3));
    await scene.source.publish(scene.broker, counted(4, 4));
    await halted(service);
    await expect(resume({ fromEarliest: true })).rejects.toMatchObject({
      code: 'RESUME_REFUSED',
      message: expect.stringContaining('consumers replay') as string,
    });
    await resume();
    await waitUntil(() => service.status()[0]!.partitions[0]!.counts.gaps === 2, { what: 'the second halt' });
    expect(await handled()).toEqual([1, 2]);
  });

  // Planted fault: with the range not recorded in the slice's transaction, there is nothing to fill afterwards.
  it('G4a: a partition resumed with pass records the gap, and handles events that are filled afterwards', async () => {
    const service = await start();
    await scene.source.publish(scene.broker, counted(1, 2));
    await until(2);
    const lost = lose(counted(3, 5));
    await scene.source.publish(scene.broker, counted(6, 7));
    await halted(service);
    expect(await resume({ pass: true })).toMatchObject({ passOffset: 2n });
    expect(await until(4)).toEqual([1, 2, 6, 7]);
    const range = { after: '1.1.2', upto: '1.1.5', passed_by: 'operator' };
    expect(await passed()).toEqual([{ ...range, filled: '' }]);
    // The filled events come late, and so out of the order of their key, but each once; the watermark stays.
    await fill(lost);
    expect(await until(7)).toEqual([1, 2, 6, 7, 3, 4, 5]);
    expect([await left(), await passed()]).toEqual([0, [{ ...range, filled: '1.1.5' }]]);
    await scene.source.publish(scene.broker, counted(8, 8));
    expect((await until(8)).at(-1)).toBe(8);
    expect(service.status()[0]!.partitions[0]!.state).toBe('running');
  });

  it('a consumer with onGap continue passes every gap by itself', async () => {
    await start({ onGap: 'continue' });
    lose(counted(1, 1));
    await scene.source.publish(scene.broker, counted(2, 2));
    lose(counted(3, 3));
    await scene.source.publish(scene.broker, counted(4, 4));
    expect(await until(2)).toEqual([2, 4]);
    expect(await passed()).toEqual([
      { after: '1.0.0', upto: '1.1.1', filled: '', passed_by: 'policy' },
      { after: '1.1.2', upto: '1.1.3', filled: '', passed_by: 'policy' },
    ]);
  });

  // Planted fault: without `fills` in the fence and without the check that every filled row was still there, both owners
  // apply event 2 here. Either alone is enough.
  it('filled events are handled by only one of two owners of a partition', async () => {
    const first = await start();
    await scene.source.publish(scene.broker, counted(1, 1));
    await until(1);
    const lost = lose(counted(2, 2));
    await scene.source.publish(scene.broker, counted(3, 3));
    await halted(first);
    await fill(lost);
    await first.stop();
    await scene.database.executor.query('update converge.inbox_partition set topic_id = null');
    await resume();
    // The second broker has as many records: an evicted member that has not noticed it also believes itself the owner.
    const other = memoryBroker();
    await makeTopics(other, [topic, `${name}.failures`], 1);
    const third = events.counted({ key: 'k', n: 3 });
    await sendRecords(
      other,
      ['a', 'b'].map((id) => foreignRecord(third, id, 1)),
    );
    const hold = Promise.withResolvers<undefined>();
    const entered = Promise.withResolvers<undefined>();
    const owner = (enter: () => Promise<void>) =>
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, async (event, { tx }) => {
        await enter();
        await note(tx, event);
      });
    await scene.start(
      owner(() => (entered.resolve(undefined), hold.promise)),
      { broker: other },
    );
    await entered.promise;
    await scene.start(owner(() => Promise.resolve()));
    // The member has read the filled events, and waits for the fence: its state is outdated when it gets the lock.
    await waitUntil(() => waitsForLock(scene.database.executor), {
      what: 'the second owner to wait',
    });
    hold.resolve(undefined);
    expect(await until(3)).toEqual([1, 2, 3]);
    await other.close();
  });

  it('a partition resumed with pass skips the events of an old primary, and continues with the new epoch', async () => {
    const service = await start();
    await scene.source.publish(scene.broker, counted(1, 1));
    const zombie = scene.source.copy();
    zombie.tick = 9n;
    await scene.source.rebase(scene.broker, topic);
    await sendRecords(scene.broker, [zombie.record(events.counted({ key: 'k', n: 99 }))]);
    await scene.source.publish(scene.broker, counted(2, 2));
    expect(await halted(service)).toMatchObject({ code: 'epoch_superseded' });
    await resume({ pass: true });
    expect(await until(2)).toEqual([1, 2]);
  });
});

const headerOf = ({ headers }: FixtureRecord['record'], wanted: string): string =>
  headers.find(([header]) => header === wanted)?.[1] ?? '';

function fillEvent({ record }: FixtureRecord): FillEvent {
  const { headers, key, value, timestampMs } = record;
  const { epoch, tick, id } = parsePosition(headerOf(record, WIRE.position));
  return { position: { epoch, tick, id }, key: key ?? '', headers, payload: String(value), timestampMs };
}
