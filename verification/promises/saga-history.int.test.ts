import { timePasses } from '../../libs/testing/src/fixture/any-table.ts';
import { randomUUID } from 'node:crypto';
import { withSpan } from '@convergekit/telemetry';
import { type EndedSpan, startTelemetry, type Telemetry } from '@convergekit/telemetry/sdk';
import { FixtureSource } from '@convergekit/inbox/testing';
import { createOutbox } from 'convergekit/postgres';
import { sagaObserver } from 'convergekit/process';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalise } from '../../libs/cli/src/fixture/normalise.ts';
import {
  type Mood,
  Moods,
  order,
  orderConsumers,
  type OrderDb,
  orderTables,
  placed,
  type Step,
} from '../../libs/saga/src/fixture/order-saga.ts';
import { Scene } from './fixture/scene.ts';

const golden = (name: string): string => new URL(`golden/${name}.txt`, import.meta.url).pathname;
const COMPLETED = 'confirm:applied pay:applied reserve:applied ship:applied';

/** An id of the kit, as it was made so many days ago. */
function idOf(days: number): string {
  const hex = (Date.now() - days * 86_400_000).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}

describe('the history of a saga', () => {
  const moods = new Moods();
  const spans: EndedSpan[] = [];
  let telemetry: Telemetry;
  let scene: Scene<OrderDb>;
  beforeAll(async () => {
    telemetry = startTelemetry({ serviceName: 'promises', onSpan: (span) => spans.push(span) });
    scene = await Scene.open<OrderDb>(orderTables);
    const observer = sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'first' });
    await scene.consume([...orderConsumers(moods), observer]);
  });
  afterAll(async () => {
    await scene.close();
    await telemetry.shutdown();
  });

  async function place(id: string, some: Partial<Record<Step, Mood>> = {}): Promise<string> {
    for (const [of, mood] of Object.entries(some)) moods.set(of as Step, id, mood);
    return scene.emit(placed({ order: id }));
  }
  const until = (instance: string, state: string) =>
    scene.eventually(
      async () => (await scene.cli('saga', 'show', instance)).stdout.includes(`${instance}: ${state}`),
      `the saga to be ${state}`,
    );
  /** The narrative as it is printed, once every consumer has read what it names. */
  async function narrativeOf(instance: string): Promise<string> {
    let text = '';
    await scene.eventually(async () => {
      text = (await scene.cli('saga', 'narrative', instance)).stdout;
      return !text.includes('has not read');
    }, 'all consumers to have read all');
    return normalise(text.split('\n')).replaceAll(/\bpromises_[0-9a-f]+/g, 'promises');
  }

  it.each<[string, Partial<Record<Step, Mood>>, string]>([
    ['happy', {}, 'completed'],
    ['rejected', { ship: 'reject' }, 'compensated'],
  ])(
    'S24, S26, G8a: the narrative of a saga that was %s names every step, its cause, and what was undone after it',
    async (name, some, state) => {
      const instance = await place(name, some);
      await until(instance, state);
      await expect(await narrativeOf(instance)).toMatchFileSnapshot(golden(name));
    },
  );

  it('S24, G8a: the narrative of a saga that waited for an operator has the dead letter, and who retried it and why', async () => {
    const instance = await place('stuck', { confirm: 'not_applied' });
    await until(instance, 'stuck');
    const [letter] = await scene.json<{ id: string }[]>('parked', 'list', '--state', 'dead');
    moods.set('confirm', 'stuck', undefined);
    const why = ['--after-compensation', '--reason', 'the mail server is back', '--yes'];
    expect((await scene.cli('parked', 'retry', letter!.id, ...why)).code).toBe(0);
    await until(instance, 'completed');
    const text = await narrativeOf(instance);
    expect(text).toContain('it broke (not_applied)');
    expect(text).toMatch(/the mail server is back/);
    expect(text.indexOf('waits for an operator')).toBeLessThan(text.indexOf('the mail server is back'));
  });

  // Planted fault: work that does not keep the trace of its cause starts a trace of its own.
  it('S60, G8d: a saga is one trace from the request to its last compensation, and each attempt is a span with its number and reason', async () => {
    moods.set('ship', 'traced', 'reject');
    moods.set('pay', 'traced', 'contends');
    moods.set('reserve', 'traced', 'waits');
    const root = await withSpan('POST /orders', { kind: 'server' }, () =>
      createOutbox([placed]).transaction(scene.database.db, ({ emit }) =>
        Promise.resolve(emit(placed({ order: 'traced' }))),
      ),
    ).then(() => waitUntil(() => spans.find(({ name }) => name === 'POST /orders'), { what: 'the request' }));
    // The first call may be one of a slice of several events, which is no attempt.
    const calls = (): number => moods.calls.get('reserve traced') ?? 0;
    await waitUntil(() => calls() >= 2, { what: 'an attempt that fails' });
    moods.set('reserve', 'traced', undefined);
    const [first] = await waitUntil(
      async () => {
        const found = (await scene.published()).filter(
          ({ type, key }) => type === 'test.released' && key === 'traced',
        );
        return found.length === 1 ? found : undefined;
      },
      { what: 'the last compensation' },
    );
    expect(first!.headers['traceparent']).toContain(root.traceId);
    const own = () => spans.filter(({ traceId }) => traceId === root.traceId);
    const names = () => own().map(({ name }) => name);
    const wanted = ['process orders', 'process inventory', 'process payments', 'process shipping'];
    await waitUntil(() => wanted.every((name) => names().includes(name)), {
      what: 'the spans of all services',
    });
    const known = new Set(own().map(({ spanId }) => spanId));
    await waitUntil(
      () =>
        own().every(
          ({ parentSpanId, name }) =>
            name === 'POST /orders' ||
            known.has(parentSpanId ?? '') ||
            spans.some(({ spanId }) => spanId === parentSpanId),
        ),
      {
        what: 'each span to have its parent in the trace',
      },
    );
    const attempts = own().filter(({ name }) => name.startsWith('attempt '));
    expect(attempts.length).toBeGreaterThan(0);
    for (const { attributes } of attempts)
      expect(attributes).toMatchObject({ 'converge.attempt.number': expect.any(Number) as number });
    expect(attempts.map(({ attributes }) => attributes['converge.attempt.reason'])).toContain('BUSY');
  });
});

describe('the records of a run that were removed', () => {
  const moods = new Moods();
  let scene: Scene<OrderDb>;
  beforeAll(async () => {
    scene = await Scene.open<OrderDb>(orderTables);
    await scene.consume(orderConsumers(moods), { worker: { tidyMs: 100 } });
  });
  afterAll(() => scene.close());

  const did = async (id: string) =>
    (
      await scene.rows<{ did: string }>(
        `select step || ' ' || what as did from done where order_id = $1 order by line`,
        [id],
      )
    )
      .map((row) => row.did)
      .join(', ');

  // Planted fault: without the horizon the start begins the saga anew: everything is reserved, paid and shipped twice.
  it('G6h: an ended saga is removed when its time is over, and a late event does not begin it again', async () => {
    moods.set('pay', 'swept-2', 'reject');
    const runs = ['swept-1', 'swept-2'].map((id) => ({ id, instance: idOf(100) }));
    for (const { id, instance } of runs) await scene.emit(placed({ order: id }), { id: instance });
    await scene.until(runs[0]!.instance, COMPLETED);
    await scene.until(runs[1]!.instance, /^pay:rejected reserve:undone/);
    const before = await Promise.all(runs.map(({ id }) => did(id)));
    await timePasses(scene.database.executor, '100 days');
    // A horizon counts only some time after it was raised.
    for (const { instance } of runs)
      await scene.eventually(async () => {
        await timePasses(scene.database.executor, '1 day');
        return (await scene.steps(instance)) === '';
      }, 'the records to be removed');
    // A source that sends its events again, as one does whose relay lost its place: they are as old as their run.
    const then = new Date(Date.now() - 100 * 86_400_000).toISOString();
    const again = new FixtureSource({ partitions: 1, name: 'again' });
    const records = (await scene.published()).map(({ id, type, topic, key, headers, payload }) => {
      const kept = Object.entries(headers).filter(
        ([name]) => !/^ce_(pos|prev|source|sourceid|id)$/.test(name),
      );
      return {
        event_id: id,
        type,
        topic,
        key,
        payload,
        headers: JSON.stringify({ ...Object.fromEntries(kept), ce_time: then }),
      };
    });
    expect(records.length).toBeGreaterThan(8);
    await again.relay(scene.broker, ...records);
    const after = await scene.emit(placed({ order: 'behind' }));
    await scene.until(after, COMPLETED);
    expect(await Promise.all(runs.map(({ id }) => did(id)))).toEqual(before);
  });
});
