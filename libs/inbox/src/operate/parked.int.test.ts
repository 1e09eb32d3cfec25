import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer, type OnDead } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { withTransaction } from '@convergekit/postgres';
import { retryParked, skipParked, supersedeParked } from './parked.ts';
import { groupParked } from './failure-groups-sql.ts';
import { listParked, readParked } from './parked-list.ts';

const operator = { by: 'ann', reason: 'deployed the fix' };
/** The consent to contradict the failure event of a dead letter. */
const anyway = { afterCompensation: true };

describe('an operator', () => {
  let scene: FailureScene;
  const { name, counted, priced } = sceneForEach((opened) => (scene = opened));
  let bad: readonly number[] = [];
  const error: () => Error = () => new TypeError('a bug');
  let throws = error;

  beforeEach(() => {
    bad = [1];
    throws = error;
  });

  /** k0: 0, 2, 4 … and k1: 1, 3, 5 …; the bad ones fail. */
  const play = async (count: number, onDead: OnDead = 'hold', options: object = {}) => {
    await scene.source.publish(
      scene.broker,
      Array.from({ length: count }, (_, n) => counted({ key: `k${n % 2}`, n })),
    );
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first', onDead }).on(counted, async (event, { tx, emit }) => {
        await note(tx, event);
        emit(priced(event.data));
        if (bad.includes(event.data.n)) throw throws();
      }),
      options,
    );
    await waitUntil(async () => (await scene.offset()) >= count, { what: 'the end of the log' });
  };
  const applied = async (key: string) =>
    (await lines(scene.database)).filter((line) => line.key === key).map(({ n }) => n);
  const until = (key: string, count: number) =>
    waitUntil(async () => (await applied(key)).length >= count, { what: `${count} effects of ${key}` });
  const dead = async () => (await listParked(scene.database.executor, { states: ['dead'] }, 10))[0]!;
  const keys = async () =>
    (await scene.database.executor.query('select key, state from converge.parked_key')).rows;

  it('an operator sees the parked events grouped by failure, and every attempt of one', async () => {
    await play(8);
    expect(await groupParked(scene.database.executor, { consumer: name })).toMatchObject([
      { state: 'waiting', code: null, events: 3, keys: 1 },
      { state: 'dead', category: 'bug', code: 'TypeError', events: 1, keys: 1 },
    ]);
    const { id } = await dead();
    const detail = await readParked(scene.database.executor, id);
    expect(detail).toMatchObject({ key: 'k1', offset: '1', payload: Buffer.from('{"key":"k1","n":1}') });
    expect(detail?.attempts.map(({ number, outcome }) => [number, outcome])).toEqual([
      [1, 'retry'],
      [2, 'retry'],
      [3, 'dead'],
    ]);
  });

  it('G6q: a dead letter whose failure event was emitted is not retried unless the compensation is named', async () => {
    await play(4);
    const { id, failureEvent } = await dead();
    bad = [];
    const refused = retryParked(scene.database, id, operator);
    await expect(refused).rejects.toMatchObject({ code: 'PARKED_REPORTED', category: 'data' });
    await expect(refused).rejects.toThrow(
      new RegExp(
        `its failure event ${failureEvent} was emitted to ${name}.failures, .*emit a new event, .*--after-compensation`,
      ),
    );
    expect((await scene.outbox()).map(({ event_id }) => event_id)).toContain(failureEvent);
    expect([await applied('k1'), (await dead()).id]).toEqual([[], id]);
    // An event that was skipped after it was given up is no different.
    await skipParked(scene.database, id, operator);
    await until('k1', 1);
    await expect(retryParked(scene.database, id, operator)).rejects.toMatchObject({
      code: 'PARKED_REPORTED',
    });
    expect(await retryParked(scene.database, id, operator, anyway)).toBe('run');
    await until('k1', 2);
    expect(await applied('k1')).toEqual([3, 1]);
  });

  it('a retried dead letter that fails again is another run, with a failure event of its own', async () => {
    await play(2);
    const { id } = await dead();
    await retryParked(scene.database, id, operator, anyway);
    const runs = async () =>
      (await listParked(scene.database.executor, { states: ['dead'] }, 10)).map(({ run }) => run);
    await waitUntil(async () => (await runs()).includes(1), { what: 'the second dead letter' });
    expect((await dead()).id).toBe(id);
    const reported = (await scene.outbox()).filter((row) => row.topic === `${name}.failures`);
    expect(new Set(reported.map(({ event_id }) => event_id)).size).toBe(2);
    const { rows } = await scene.database.executor.query(
      'select run, count(*)::int as attempts from converge.inbox_attempt group by run order by run',
    );
    expect(rows).toEqual([
      { run: 0, attempts: 3 },
      { run: 1, attempts: 3 },
    ]);
  });

  // Planted fault: a watch of the partitions that does not look for keys; the drain would find this one in ten minutes.
  it('a drain whose next look is far off finds the key that an operator requeues', async () => {
    await play(4, 'skip', { watchMs: 20, parking: { pollMs: 600_000 } });
    const { id } = await dead();
    bad = [];
    await retryParked(scene.database, id, operator, anyway);
    await until('k1', 2);
    expect(await applied('k1')).toEqual([3, 1]);
  });

  it('a dead letter that released its key is retried beside its key', async () => {
    await play(8, 'skip');
    bad = [];
    expect(await applied('k1')).toEqual([3, 5, 7]);
    await retryParked(scene.database, (await dead()).id, operator, anyway);
    await until('k1', 4);
    expect(await applied('k1')).toEqual([3, 5, 7, 1]);
    await waitUntil(async () => (await keys()).length === 0, { what: 'release' });
  });

  // Planted fault: without the audit row of an act.
  it('G5k: a dead letter that is skipped with a reason releases its key and stays as a record', async () => {
    await play(8);
    const { id } = await dead();
    await skipParked(scene.database, id, operator);
    await until('k1', 3);
    expect(await applied('k1')).toEqual([3, 5, 7]);
    expect(await readParked(scene.database.executor, id)).toMatchObject({
      state: 'skipped',
      note: operator.reason,
      audit: [{ act: 'parked skip', by: 'ann', state: 'dead' }],
    });
    await expect(skipParked(scene.database, id, operator)).rejects.toMatchObject({ code: 'PARKED_REFUSED' });
  });

  it('a key whose only event is skipped is released', async () => {
    await play(2);
    await skipParked(scene.database, (await dead()).id, operator);
    expect(await keys()).toEqual([]);
    await scene.source.publish(scene.broker, [counted({ key: 'k1', n: 3 })]);
    await until('k1', 1);
  });

  it('G6q: an event that was not given up is skipped by name alone, and a line in work that it leaves empty is released', async () => {
    await play(6);
    const last = (await listParked(scene.database.executor, { key: 'k1' }, 10)).at(-1)!;
    // Nothing has said to others that it never takes effect. For the fault: a skip of any event that holds its key.
    await expect(skipParked(scene.database, last.id, operator)).rejects.toMatchObject({
      code: 'PARKED_REFUSED',
      message: expect.stringContaining('--unreported') as string,
    });
    await skipParked(scene.database, last.id, operator, { unreported: true });
    bad = [];
    await retryParked(scene.database, (await dead()).id, operator, anyway);
    await until('k1', 2);
    // Planted fault: without the look for an empty line, its key stays parked for ever here.
    await waitUntil(async () => (await keys()).length === 0, { what: 'release' });
    expect(await applied('k1')).toEqual([1, 3]);
  });

  // Planted fault: without the look at what was taken out, the next event waits for the retry of the one before: up to an hour.
  it('a waiting event that is skipped has its key continue at once', async () => {
    throws = () => new ConvergeError('away', { code: 'AWAY', category: 'service', certainty: 'not_applied' });
    await play(6);
    const rests = `update converge.parked_key set next_at = clock_timestamp() + interval '5 minutes'
                    where key = 'k1' and leased_until < clock_timestamp() returning key`;
    const isPutOff = async () => (await scene.database.executor.query(rests)).rowCount === 1;
    await waitUntil(isPutOff, { what: 'the head to wait' });
    const [head] = await listParked(scene.database.executor, { key: 'k1' }, 1);
    await skipParked(scene.database, head!.id, operator, { unreported: true });
    await until('k1', 2);
    expect(await applied('k1')).toEqual([3, 5]);
  });

  it('an event behind a dead letter, or one that is not parked, cannot be retried', async () => {
    await play(4);
    const [behind] = await listParked(scene.database.executor, { states: ['waiting'] }, 1);
    await expect(retryParked(scene.database, behind!.id, operator)).rejects.toMatchObject({
      code: 'PARKED_REFUSED',
    });
    await expect(
      retryParked(scene.database, '00000000-0000-4000-8000-000000000000', operator),
    ).rejects.toMatchObject({ code: 'PARKED_GONE' });
  });

  it('rejections are listed as records, and hold no key', async () => {
    throws = () => new BusinessRejection('declined', { code: 'DECLINED' });
    await play(4);
    expect(await applied('k1')).toEqual([3]);
    expect(await listParked(scene.database.executor, { states: ['rejected'] }, 10)).toMatchObject([
      { code: 'DECLINED', seq: null },
    ]);
  });

  it('a superseded event released its key and is not retried, and the refusal says why', async () => {
    await play(6);
    const { id, eventId } = await dead();
    const at = { consumer: name, eventId: eventId! };
    const mark = (): Promise<boolean> =>
      withTransaction(scene.database, {}, (tx) => supersedeParked(tx, at, 'its step was cancelled'));
    expect(await mark()).toBe(true);
    await until('k1', 2);
    expect(await applied('k1')).toEqual([3, 5]);
    await expect(retryParked(scene.database, id, operator)).rejects.toMatchObject({ code: 'PARKED_REFUSED' });
    expect(await mark()).toBe(false);
  });
});
