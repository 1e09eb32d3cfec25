import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer, type defineEvent } from 'convergekit';
import { waitUntil } from '@convergekit/testing';
import { type LedgerDb, note } from '../../libs/inbox/src/fixture/ledger.ts';
import { Counting, failing, partitionOf, why } from './fixture/consumers.ts';

let stock: Counting;
beforeEach(async () => {
  stock = await Counting.open({ local: true });
});
afterEach(() => stock.scene.close());

const cli = (...args: readonly string[]) => stock.scene.cli(...args);

/** Publishes events of which those fail, and waits until the consumer has passed all of them. */
async function play(
  events: readonly (readonly [string, number])[],
  bad: readonly number[],
  error = failing('BROKEN', 'bug'),
) {
  stock.throws = (_, n) => (bad.includes(n) ? error : undefined);
  const service = await stock.start();
  const ids = await stock.emit(...events);
  await waitUntil(() => (partitionOf(service)?.nextOffset ?? 0n) >= BigInt(events.length), {
    what: 'the end of the log',
  });
  return { ids, service };
}
const line = [1, 3, 5, 7].map((n) => ['k1', n] as const);

// Planted faults: a retry without its audit row; one that takes the events behind it out of order.
it('G5k, G5m, G6q: a dead letter is retried after its fault is fixed, when the compensation is named: in order, on record with who and why', async () => {
  await play(line, [1]);
  const [letter] = await stock.dead();
  stock.throws = () => undefined;
  const refused = await cli('parked', 'retry', letter!.id, ...why);
  expect([refused.code === 0, refused.stderr]).toEqual([
    false,
    expect.stringContaining('--after-compensation'),
  ]);
  expect([await stock.applied(), (await stock.dead()).length]).toEqual([[], 1]);
  expect((await cli('parked', 'retry', letter!.id, '--after-compensation', ...why)).code).toBe(0);
  await stock.until(4);
  expect(await stock.applied()).toEqual([1, 3, 5, 7]);
  expect(await stock.acts()).toEqual([
    expect.stringMatching(
      new RegExp(
        `^parked retry: after compensation \\(failure event ${letter!.failureEvent}\\): deployed the fix$`,
      ),
    ),
  ]);
});

it('G5k, G6q: a dead letter that is skipped lets its key continue; an event without a failure event is skipped only by name', async () => {
  await play(line, [1]);
  const [letter] = await stock.dead();
  const [behind] = await stock.parked('--state', 'waiting');
  const refused = await cli('parked', 'skip', behind!.id, ...why);
  expect([refused.code === 0, refused.stderr]).toEqual([
    false,
    expect.stringContaining('nothing is skipped'),
  ]);
  expect((await cli('parked', 'skip', behind!.id, '--unreported', ...why)).code).toBe(0);
  expect((await cli('parked', 'skip', letter!.id, ...why)).code).toBe(0);
  await stock.until(2);
  expect(await stock.applied()).toEqual([5, 7]);
  expect((await stock.acts()).map((act) => act.split(':')[0])).toEqual(['parked skip', 'parked skip']);
});

it('G5k: a dead letter whose copy an operator edited takes effect with that, in its place, and its bytes are kept', async () => {
  const { service } = await play(line, [1]);
  await stock.scene.stop(service);
  const [letter] = await stock.dead();
  const edit = ['parked', 'edit', letter!.id, '--payload', '{"key":"k1","n":2}', ...why];
  expect((await cli(...edit)).stderr).toContain('--after-compensation');
  expect((await cli(...edit, '--after-compensation')).code).toBe(0);
  expect(await stock.scene.json('parked', 'show', letter!.id)).toMatchObject({
    payload: '{"key":"k1","n":1}',
    edited: '{"key":"k1","n":2}',
  });
  await stock.start();
  await stock.until(4);
  expect(await stock.applied()).toEqual([2, 3, 5, 7]);
});

/** The event of the acts below, as the command reads it: of a topic that does not change. */
const module = new URL('fixture/replaced-event.ts', import.meta.url).pathname;

// Planted faults: without the new event in the line nothing takes effect; without the check its data becomes a dead letter again.
it('G5l, G6q: a replaced dead letter is applied as a new event, once, in its place and by the handler that failed; what its contract refuses changes nothing', async () => {
  const { replacedEvent } = (await import(module)) as { replacedEvent: ReturnType<typeof defineEvent> };
  let bad = true;
  const others: string[] = [];
  await stock.scene.topics(replacedEvent.topic);
  const taking = (name: string, fails: boolean) =>
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(
      replacedEvent as typeof stock.events.counted,
      async (event, { tx }) => {
        if (!fails) return void others.push(event.id);
        if (bad && event.data.n === 1) throw failing('BROKEN', 'bug');
        await note(tx, event);
      },
    );
  await stock.scene.consume([taking(stock.name, true), taking(`${stock.name}-b`, false)]);
  const make = replacedEvent as unknown as typeof stock.events.counted;
  for (const n of [1, 3]) await stock.scene.emit(make({ key: 'k1', n }));
  await waitUntil(async () => (await stock.parked()).length === 2, { what: 'the dead letter' });
  const [letter] = await stock.dead();
  const replace = (payload: string, ...more: readonly string[]) =>
    cli('parked', 'replace', letter!.id, '--payload', payload, '--events', module, ...more, ...why);
  const before = await stock.scene.json('parked', 'show', letter!.id);
  expect((await replace('{"key":"k1","n":4}')).stderr).toContain('--after-compensation');
  for (const payload of ['{"key":"k1","n":"four"}', '{"key":"k2","n":4}'])
    expect((await replace(payload, '--after-compensation')).code).not.toBe(0);
  expect(await stock.scene.json('parked', 'show', letter!.id)).toEqual(before);
  bad = false;
  expect((await replace('{"key":"k1","n":4}', '--after-compensation')).code).toBe(0);
  await stock.until(2);
  expect(await stock.applied()).toEqual([4, 3]);
  const [first] = await stock.scene.rows<{ event_id: string }>('select event_id from ledger order by line');
  expect(first!.event_id).not.toBe(letter!.eventId);
  expect(others).not.toContain(first!.event_id);
  expect((await replace('{"key":"k1","n":6}', '--after-compensation')).code).not.toBe(0);
});

describe('a retry of all events that match', () => {
  const outage = Array.from({ length: 30 }, (_, n) => [`k${n}`, n] as const);
  const retry = (...flags: readonly string[]) =>
    cli(
      'parked',
      'retry',
      '--code',
      'AWAY',
      '--after-compensation',
      '--rate',
      '1000',
      '--stop-at',
      '20',
      ...flags,
      ...why,
      '--json',
    );

  // Planted fault: without the look at outcomes all are sent, into an outage that goes on.
  it('G5p: a retry of all events that match takes each once, leaves others alone, and stops when they fail again', async () => {
    stock.throws = (_, n) =>
      n < 30 ? failing('AWAY', 'bug') : n === 30 ? failing('OTHER', 'bug') : undefined;
    await stock.start();
    await stock.emit(...outage, ['other', 30]);
    await waitUntil(async () => (await stock.dead()).length === 31, {
      what: 'the dead letters',
      everyMs: 100,
    });
    const stopped = await cli(
      'parked',
      'retry',
      '--code',
      'AWAY',
      '--after-compensation',
      '--rate',
      '20',
      '--stop-at',
      '20',
      ...why,
    );
    expect([stopped.code, stopped.stdout]).toEqual([1, expect.stringMatching(/failed again/)]);
    const most = Map.groupBy(
      await stock.scene.json<{ subject: string }[]>('audit'),
      ({ subject }) => subject,
    );
    expect(Math.max(...[...most.values()].map((own) => own.length))).toBe(1);
    await waitUntil(async () => (await stock.dead()).length === 31, {
      what: 'the failures of the retried ones',
    });
    stock.throws = () => undefined;
    expect((await retry()).code).toBe(0);
    await stock.until(30);
    expect((await stock.applied()).toSorted((a, b) => a - b)).toEqual(outage.map(([, n]) => n));
    expect((await stock.dead()).map(({ code }) => code)).toEqual(['OTHER']);
  });
});
