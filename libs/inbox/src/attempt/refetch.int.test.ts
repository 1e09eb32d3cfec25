import { once } from 'node:events';
import { ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import type { Refetch } from '../define/types.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

const error = (code: string, category: 'data' | 'network') =>
  new ConvergeError(code, { code, category, certainty: 'not_applied' });

describe('bad data', () => {
  let scene: FailureScene;
  const { name, counted } = sceneForEach((opened) => (scene = opened));
  let refetch: Refetch;

  /** k: 0, then one whose payload no handler can read, then 2; the handler itself refuses n = 13 as bad data. */
  const play = async (payload: string) => {
    const records = [0, 1, 2].map((n) => scene.source.record(counted({ key: 'k', n })));
    await sendRecords(
      scene.broker,
      records.map((one, n) => (n === 1 ? { ...one, record: { ...one.record, value: payload } } : one)),
    );
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(
        counted,
        { refetch: (event, context) => refetch(event, context) },
        async (event, { tx }) => {
          if (event.data.n === 13) throw error('THIRTEEN', 'data');
          await note(tx, event);
        },
      ),
    );
    await waitUntil(async () => (await scene.offset()) >= 3, { what: 'the end of the log' });
  };
  const applied = async () => (await lines(scene.database)).map(({ n }) => n);

  it.each(['not even JSON', '{"key":"k","n":13}'])(
    'S50: bad data is replaced by the current data of its key (%s), in order',
    async (payload) => {
      const asked: string[] = [];
      refetch = ({ key }) => {
        asked.push(key);
        return Promise.resolve({ key, n: 100 });
      };
      await play(payload);
      expect([await applied(), asked]).toEqual([[0, 100, 2], ['k']]);
      expect(await scene.letters()).toEqual([]);
    },
  );

  it('S50: bad data without valid current data becomes a dead letter with its original bytes', async () => {
    refetch = () => Promise.resolve({ key: 'k', n: 'many' });
    await play('not even JSON');
    expect(await applied()).toEqual([0]);
    const [letter] = await scene.letters();
    expect(letter).toMatchObject({ category: 'data', payload: Buffer.from('not even JSON') });
  });

  it('a refetch that leaves a rejection behind fails with it, and ends no process', async () => {
    // Vitest fails a run at a rejection that a service contains.
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    try {
      refetch = async ({ key }) => {
        const seen = once(process, 'unhandledRejection');
        void Promise.reject(new Error('left'));
        await seen;
        return { key, n: 100 };
      };
      await play('not even JSON');
      const letters = async () => (await scene.letters()).map(({ code }) => code);
      await waitUntil(async () => (await letters()).length + (await applied()).length > 1, {
        what: 'an end',
      });
      expect(await letters()).toEqual(['REJECTION_NOT_AWAITED']);
    } finally {
      for (const other of others) process.on('unhandledRejection', other);
    }
  });

  it('an event with bad data waits while its current data is unreachable, and takes effect afterwards', async () => {
    let away = true;
    refetch = ({ key }) =>
      away ? Promise.reject(error('AWAY', 'network')) : Promise.resolve({ key, n: 100 });
    await play('not even JSON');
    expect(await applied()).toEqual([0]);
    expect(await scene.letters()).toEqual([]);
    away = false;
    await waitUntil(async () => (await applied()).length === 3, { what: 'the key' });
    expect(await applied()).toEqual([0, 100, 2]);
  });
});
