import { waitUntil } from '@convergekit/testing';
import { beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { captureLogs } from '@convergekit/telemetry/testing';
import { defineConsumer, type DefineConsumerOptions } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

/**
 * Tests of the log lines about lasting conditions. Planted faults, each seen to fail here: a gap that is passed without
 * its alarm; a line that names its consumer twice, which a reader of JSON may refuse.
 */

const logged: string[] = [];
beforeAll(() => captureLogs('info', (line) => logged.push(line)));

/** Sends an event, one that never comes, and one more. */
async function gap(options: Partial<DefineConsumerOptions>) {
  logged.length = 0;
  const stock = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => stock.scene.close());
  const { scene, name, topic } = stock;
  const { counted } = stock.events;
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
  scene.source.record(counted({ key: 'k', n: 2 }));
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 3 })]);
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first', ...options }).on(
    counted,
    (event, { tx }) => note(tx, event),
  );
  await scene.start(consumer);
  const alarms = () =>
    logged
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ alarm }) => alarm !== undefined);
  await waitUntil(() => alarms().length > 0, { what: 'an alarm' });
  return { scene, alarms, place: { consumer: name, topic, partition: 0, offset: '1' } };
}
const twice = () => logged.filter((line) => line.split('"consumer":').length > 2);

it('a partition that halts logs one alarm with its place and the next step', async () => {
  const { scene, alarms, place } = await gap({});
  expect(alarms()).toMatchObject([{ ...place, level: 'error', alarm: 'gap' }]);
  expect(alarms()[0]!['msg']).toContain(
    `converge consumers fill ${place.consumer} --database <URL of the database of `,
  );
  expect([(await lines(scene.database)).length, twice()]).toEqual([1, []]);
});

it('a gap that is passed by policy raises an alarm of its own, and its range is recorded', async () => {
  const { scene, alarms, place } = await gap({ onGap: 'continue' });
  await waitUntil(async () => (await lines(scene.database)).length === 2, {
    what: 'what comes after the gap',
  });
  expect(alarms()).toMatchObject([{ ...place, level: 'error', alarm: 'gap_passed' }]);
  const { rows } = await scene.database.executor.query('select passed_by from converge.inbox_gap');
  expect([rows, twice()]).toEqual([[{ passed_by: 'policy' }], []]);
});
