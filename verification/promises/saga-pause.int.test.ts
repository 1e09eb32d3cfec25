import { sagaObserver } from 'convergekit/process';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  asked,
  cancelled,
  half,
  halfConsumers,
  type RoomDb,
  roomTables,
  Wrongs,
} from '../../libs/saga/src/fixture/half-done-saga.ts';
import { Scene } from './fixture/scene.ts';

describe('a pause of a saga', () => {
  const wrongs = new Wrongs();
  let scene: Scene<RoomDb>;
  beforeAll(async () => {
    scene = await Scene.open<RoomDb>(roomTables);
    const observer = sagaObserver<RoomDb>({ sagas: [half.declaration], from: 'first' });
    await scene.consume([...halfConsumers(wrongs), observer]);
  });
  afterAll(() => scene.close());

  const DONE = 'hold:applied mail:applied pay:applied seat:applied';
  const act = (what: 'pause' | 'resume', target: readonly string[], ...more: readonly string[]) =>
    scene.cli('saga', what, ...target, ...more, '--reason', 'the bank charges twice');
  /** A charge that is under way until `answer` is called. */
  async function charging(key: string) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    wrongs.charging.set(key, promise.then());
    const instance = await scene.emit(asked({ key }));
    await waitUntil(() => wrongs.calls('charge', key) > 0, { what: `the charge of ${key}` });
    return { instance, answer: () => resolve(undefined) };
  }

  // Planted faults: a claim without the look at pauses calls; a pause that also holds the recording of outcomes never gets to `mail`.
  it('G6m: a paused saga begins no call: the one in flight ends and is recorded, other steps go on, and a resume loses nothing', async () => {
    const flying = await charging('flying');
    expect((await act('pause', ['half'])).code).toBe(0);
    const later = await scene.emit(asked({ key: 'later' }));
    await scene.until(later, 'hold:applied pay:started');
    flying.answer();
    await scene.until(flying.instance, 'hold:applied mail:started pay:applied seat:applied');
    const other = await scene.emit(asked({ key: 'other' }));
    await scene.until(other, 'hold:applied pay:started');
    expect([wrongs.calls('charge', 'later'), wrongs.calls('mail', 'flying')]).toEqual([0, 0]);
    expect((await act('resume', ['half'], '--rate', '1000')).code).toBe(0);
    for (const instance of [flying.instance, later, other]) await scene.until(instance, DONE);
    expect([wrongs.calls('charge', 'flying'), wrongs.calls('charge', 'later')]).toEqual([1, 1]);
    const acts = await scene.json<{ act: string; reason: string }[]>('audit');
    expect(acts.map((one) => `${one.act}: ${one.reason}`).toReversed()).toEqual([
      'saga pause: the bank charges twice',
      'saga resume: the bank charges twice',
    ]);
  });

  it('G6m: a pause of one instance holds its undo, and the other instances of the saga go on', async () => {
    const { instance, answer } = await charging('one');
    expect((await act('pause', ['half', '--instance', instance])).code).toBe(0);
    await scene.emit(cancelled({ key: 'one' }));
    await scene.until(instance, 'hold:applied pay:undo_pending seat:tombstoned');
    answer();
    const next = await scene.emit(asked({ key: 'next' }));
    await scene.until(next, DONE);
    expect([wrongs.calls('refund', 'one'), await scene.steps(instance)]).toEqual([
      0,
      'hold:applied pay:undo_pending seat:tombstoned',
    ]);
    expect((await act('resume', ['half', '--instance', instance], '--rate', '1000')).code).toBe(0);
    await scene.until(instance, 'hold:undone pay:undone seat:tombstoned');
    expect(wrongs.calls('refund', 'one')).toBe(1);
  });
});
