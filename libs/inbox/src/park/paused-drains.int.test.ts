import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { listParked } from '../operate/parked-list.ts';
import { pauseConsumer } from '../operate/pause.ts';
import { inPlace } from '../testing/quick.ts';
import { claimKeys, renewLease } from './claim-sql.ts';

const operator = { by: 'ann', reason: 'a bad release' };

describe('parked events of a consumer that an operator paused', () => {
  let scene: FailureScene;
  const twin = 'twin-of-paused';
  const { name, topic, counted } = sceneForEach((opened) => (scene = opened), {
    more: [`${twin}.failures`],
  });
  const applied = async () => (await lines(scene.database)).map(({ n }) => n);
  const publish = (...ns: readonly number[]) =>
    scene.source.publish(
      scene.broker,
      ns.map((n) => counted({ key: `k${n % 2}`, n })),
    );
  const pause = () => pauseConsumer(scene.database, { consumer: name }, operator);
  const resume = (options: { readonly pass?: boolean } = {}) =>
    scene.resume(name, topic, { ...operator, ...options });

  // Planted faults: a drain that does not look at the partition of a halt; a pause of running partitions alone.
  it('parked events of a partition with a gap wait for the resume of a paused consumer, too', async () => {
    let down = true;
    const twins: number[] = [];
    const busy = (): void => {
      if (down) throw Object.assign(new Error('busy'), { code: 'ECONNREFUSED' });
    };
    const options = { watchMs: 20, policies: inPlace({ attempts: 1 }) };
    const services = [
      await scene.start(
        defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
          busy();
          await note(tx, event);
        }),
        options,
      ),
      await scene.start(
        defineConsumer<LedgerDb>(twin, { from: 'first' }).on(counted, ({ data }) => {
          busy();
          twins.push(data.n);
        }),
        options,
      ),
    ];
    await publish(0, 1, 2, 3);
    await waitUntil(async () => (await listParked(scene.database.executor, {}, 10)).length === 8, {
      what: 'the parked events of both',
    });
    scene.source.record(counted({ key: 'k0', n: 4 }));
    await publish(5);
    const halted = () =>
      services.filter((service) => service.status()[0]?.partitions[0]?.state === 'halted').length;
    await waitUntil(() => halted() === 2, { what: 'the gap' });
    expect(await pause()).toEqual([{ consumer: name, topic, partition: 0 }]);
    expect(await pause()).toEqual([]);
    down = false;
    await waitUntil(() => new Set(twins).size === 4, { what: 'the parked events of the twin' });
    expect(await applied()).toEqual([]);
    const { rows } = await scene.database.executor.query(
      `select p.halted_code, p.halted_reason, a.act, a.before ->> 'halted' as halted
         from converge.inbox_partition p join converge.audit a on a.subject_id = p.consumer`,
    );
    expect(rows).toEqual([
      {
        halted_code: 'gap',
        halted_reason: expect.stringMatching(
          /names predecessor.*Besides, paused by ann: a bad release/s,
        ) as string,
        act: 'consumers pause',
        halted: 'gap',
      },
    ]);
    expect(await resume({ pass: true })).toMatchObject({ code: 'gap' });
    await waitUntil(async () => (await applied()).length === 5, { what: 'all effects' });
  });

  // Planted faults: a pause that waits for slices alone, and a drain that reads its partition before the pause is committed.
  it('G5k: a pause waits for the handler of a parked event, and no other is called', async () => {
    let down = true;
    const entered = Promise.withResolvers<undefined>();
    const end = Promise.withResolvers<undefined>();
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        if (down) throw Object.assign(new Error('busy'), { code: 'ECONNREFUSED' });
        entered.resolve(undefined);
        await end.promise;
        await note(tx, event);
      }),
      { watchMs: 20, policies: inPlace({ attempts: 1 }) },
    );
    await publish(1, 3);
    await waitUntil(async () => (await scene.offset()) === 2, { what: 'the parked events' });
    down = false;
    await entered.promise;
    let effects: readonly number[] | undefined;
    const paused = pause().then(async () => (effects = await applied()));
    await waitUntil(() => waitsForLock(scene.database.executor), { what: 'the pause to wait' });
    expect(effects).toBeUndefined();
    end.resolve(undefined);
    await paused;
    expect(effects).toEqual([1]);
    // Planted fault: a drain that keeps its lease. The key waits for the end of the lease then, however soon the resume.
    const leased = `select from converge.parked_key where leased_until <> '-infinity'`;
    await waitUntil(async () => (await scene.database.executor.query(leased)).rowCount === 0, {
      what: 'the lease to be returned',
    });
    await resume();
    await waitUntil(async () => (await applied()).length === 2, { what: 'the other effect' });
  });

  // Planted fault: a lease that is renewed whatever its partition does. The key then waits for the whole lease after the resume.
  it('a drain does not keep its lease through a pause', async () => {
    const { executor } = scene.database;
    await executor.query(`insert into converge.inbox_consumer (name) values ($1)`, [name]);
    await executor.query(
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset) values ($1, $2, 0, 0, 0)`,
      [name, topic],
    );
    await executor.query(
      `insert into converge.parked_key (consumer, topic, key, partition, state, tail) values ($1, $2, 'k', 0, 'waiting', 1)`,
      [name, topic],
    );
    const [leased] = await claimKeys(executor, name, 1, 60_000);
    expect(await renewLease(executor, leased!, 60_000)).toBe(true);
    await pause();
    expect(await renewLease(executor, leased!, 60_000)).toBe(false);
    await resume();
    expect(await renewLease(executor, leased!, 60_000)).toBe(true);
  });
});
