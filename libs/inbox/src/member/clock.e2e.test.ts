import { once } from 'node:events';
import { ProcessClock } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { ProcessScene, reordered } from '../fixture/process-scene.ts';

// Planted fault: positions are judged by the clock of the process. A member that starts 400 days ahead records that no event
// created within those days proves a fork.
it.runIf(inject('full'))(
  'G3a, G4b: a consumer whose wall clock jumps by an hour and by 400 days applies each event once, in order, halts nothing, and judges positions by the clock of its database',
  { tags: 'faketime' },
  async () => {
    const scene = await ProcessScene.open(inject('stack'), { driver: 'kafkajs', partitions: 2 });
    const clock = new ProcessClock();
    onTestFinished(async () => {
      await scene.close();
      clock.close();
    });
    await scene.send(20);
    // The bound that the first event sets is kept for as long as the source lives.
    clock.set('+400d');
    const member = scene.start(clock.env);
    await once(member.child.stdout!, 'data');
    for (const jump of ['+1h', '-1h', '+400d', '-400d', '+0']) {
      clock.set(jump);
      await scene.send(40);
      await scene.effects(scene.ids.length);
    }
    const found = await scene.lines();
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
    expect(reordered(found)).toEqual([]);
    const { rows } = await scene.database.executor.query(
      `select (select count(*)::int from converge.inbox_partition where halted_code is not null or wait_code is not null) as waits,
              (select count(*)::int from converge.parked) as letters,
              (select bool_and(to_timestamp(unknown_until / 1000.0) between clock_timestamp() and clock_timestamp() + interval '61 minutes')
                 from converge.inbox_watermark where unknown_until is not null) as "boundByDatabase"`,
    );
    expect(rows).toEqual([{ waits: 0, letters: 0, boundByDatabase: true }]);
    expect([member.log(), await scene.end(member)]).toEqual(['', 0]);
  },
);
