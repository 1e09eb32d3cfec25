import { BusinessRejection } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { retryParked } from './parked.ts';
import { replaceParked } from './replace.ts';

const operator = { by: 'ann', reason: 'deployed the fix' };
const anyway = { afterCompensation: true };

let scene: FailureScene;
const { name, topic, counted } = sceneForEach((opened) => (scene = opened));

const acts = {
  retry: (id: string): Promise<unknown> => retryParked(scene.database, id, operator, anyway),
  replace: (id: string): Promise<unknown> =>
    replaceParked(scene.database, id, '{"key":"k","n":1}', operator, { events: [counted], ...anyway }),
};

// A reconciler asks this function whether an event of the key may still take effect. Planted fault: a look at keys alone.
it.each(['retry', 'replace'] as const)(
  'G7m: an event that is run again by a %s after its key was released counts as parked',
  async (act) => {
    let error: Error | undefined = new BusinessRejection('no');
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
        if (error !== undefined) throw error;
        await note(tx, event);
      }),
    );
    const parked = async () => {
      const { rows } = await scene.database.executor.query<{ parked: boolean }>(
        `select converge.inbox_parked($1, $2, '{k}') as parked`,
        [name, topic],
      );
      return rows[0]?.parked;
    };
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
    await waitUntil(async () => (await scene.letters()).length === 1, { what: 'the rejection' });
    expect(await parked()).toBe(false);
    const { rows } = await scene.database.executor.query<{ id: string }>('select id from converge.parked');
    error = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
    await acts[act](rows[0]!.id);
    expect(await parked()).toBe(true);
    error = undefined;
    await waitUntil(async () => (await lines(scene.database)).length === 1, { what: 'the effect' });
    expect(await parked()).toBe(false);
  },
);
