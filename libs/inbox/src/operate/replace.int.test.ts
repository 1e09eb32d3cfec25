import { createHash } from 'node:crypto';
import type { EventDefinition } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { editParked, retryParked } from './parked.ts';
import { listParked, readParked } from './parked-list.ts';
import { replaceParked } from './replace.ts';

const operator = { by: 'ann', reason: 'a typo in the order' };
/** What the handler refuses. */
const BAD = 1;
let stock: Awaited<ReturnType<typeof stockScene>>;

beforeAll(async () => {
  stock = await stockScene(inject('stack').databaseUrl);
  const { scene, name, events } = stock;
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, async (event, { tx, emit }) => {
      await note(tx, event);
      emit(events.priced(event.data));
      if (event.data.n % 10 === BAD) throw new TypeError('a bug');
    }),
  );
});
afterAll(() => stock.scene.close());

const executor = () => stock.scene.database.executor;
const applied = async (key: string) => (await lines(stock.scene.database)).filter((line) => line.key === key);

/** Publishes events of a key, and returns the dead letter that the first of them becomes. */
async function deadOf(key: string, ...numbers: readonly number[]) {
  const { scene, events } = stock;
  await scene.source.publish(
    scene.broker,
    numbers.map((n) => events.counted({ key, n })),
  );
  return waitUntil(
    async () => {
      const parked = await listParked(executor(), { key }, 10);
      return parked.length < numbers.length ? undefined : parked.find(({ state }) => state === 'dead');
    },
    { what: `the dead letter of ${key}` },
  );
}

const replace = (id: string, payload: string, known: readonly EventDefinition[] = [stock.events.counted]) =>
  replaceParked(stock.scene.database, id, payload, operator, { events: known, afterCompensation: true });

// Planted faults: without the new row in the line nothing takes effect; under the old id the ledger shows it; without the
// place in the line the events behind come first.
it('G5l: a replaced dead letter is applied as a new event in its place, once, with the dead letter as its cause', async () => {
  const { id, eventId } = await deadOf('k1', 1, 3, 5);
  const made = await replace(id, '{"key":"k1","n":4}');
  expect(made.eventId).not.toBe(eventId);
  await waitUntil(async () => (await applied('k1')).length === 3, { what: 'the line to be applied' });
  const [first, ...rest] = await applied('k1');
  expect([first?.event_id, first?.n, rest.map(({ n }) => n)]).toEqual([made.eventId, 4, [3, 5]]);
  const priced = (await stock.scene.outbox()).filter(
    ({ key, type }) => key === 'k1' && type === 'test.priced',
  );
  const causes = priced.map(
    ({ headers }) => (JSON.parse(headers) as Record<string, string>)[WIRE.causationId],
  );
  expect([priced.length, causes[0]]).toEqual([3, made.eventId]);
  expect(await readParked(executor(), id)).toMatchObject({
    state: 'replaced',
    seq: null,
    payload: Buffer.from('{"key":"k1","n":1}'),
    note: `replaced by event ${made.eventId}: a typo in the order`,
    audit: [
      {
        act: 'parked replace',
        by: 'ann',
        reason: expect.stringMatching(/^after compensation .*: a typo/),
        state: 'dead',
      },
    ],
  });
  const { rows } = await executor().query(`select after from converge.audit where before ->> 'parked' = $1`, [
    id,
  ]);
  const sha256 = createHash('sha256').update('{"key":"k1","n":4}').digest('hex');
  expect(rows).toEqual([{ after: { event: made.eventId, sha256 } }]);
  for (const again of [
    () => replace(id, '{"key":"k1","n":6}'),
    () => retryParked(stock.scene.database, id, operator, { afterCompensation: true }),
    () => editParked(stock.scene.database, id, Buffer.from('{}'), operator),
  ])
    await expect(again()).rejects.toMatchObject({ code: 'PARKED_REFUSED' });
});

// Planted faults: without the check the first three are written, and become dead letters again; without the look for headers an
// event that was parked behind too many others is replaced by one without a type, even if it is one of a saga.
it('G5l: data that the declared contract refuses, another key, an undeclared event, one of a saga and one without headers change nothing', async () => {
  const { id } = await deadOf('k2', 1, 3);
  const rows = async () =>
    (await executor().query('select * from converge.parked where key = $1', ['k2'])).rows;
  const before = await rows();
  const { counted, priced } = stock.events;
  const refusals = [
    ['{"key":"k2","n":"four"}', [counted], 'REPLACEMENT_INVALID'],
    ['no json', [counted], 'REPLACEMENT_INVALID'],
    ['{"key":"k1","n":4}', [counted], 'REPLACEMENT_INVALID'],
    ['{"key":"k2","n":4}', [priced], 'REPLACEMENT_UNDECLARED'],
  ] as const;
  for (const [payload, known, code] of refusals)
    await expect(replace(id, payload, known)).rejects.toMatchObject({ code });
  const [behind] = (await listParked(executor(), { key: 'k2', states: ['waiting'] }, 1)).map((row) => row.id);
  await expect(replace(behind ?? '', '{"key":"k2","n":4}')).rejects.toMatchObject({ code: 'PARKED_REFUSED' });
  expect(await rows()).toEqual(before);
  await executor().query(
    `update converge.parked set headers = (headers::jsonb || '[["ce_saga", "order/1/i"]]')::text where id = $1`,
    [id],
  );
  await expect(replace(id, '{"key":"k2","n":4}')).rejects.toThrow('belongs to a saga');
  await executor().query(`update converge.parked set headers = '[]', in_log = true where id = $1`, [id]);
  await expect(replace(id, '{"key":"k2","n":4}')).rejects.toThrow('its headers are in the log alone');
  expect(await applied('k2')).toEqual([]);
});

it('G6q: a dead letter whose failure event was emitted is not replaced unless the compensation is named', async () => {
  const { id } = await deadOf('k5', 1, 3);
  const made = replaceParked(stock.scene.database, id, '{"key":"k5","n":4}', operator, {
    events: [stock.events.counted],
  });
  await expect(made).rejects.toMatchObject({ code: 'PARKED_REPORTED' });
  expect([(await readParked(executor(), id))?.state, await applied('k5')]).toEqual(['dead', []]);
});

it('a replacement that fails again is a dead letter of its own, which names what it replaces and can be replaced', async () => {
  const { id, eventId } = await deadOf('k3', 1, 3);
  const made = await replace(id, '{"key":"k3","n":11}');
  await waitUntil(async () => (await readParked(executor(), made.id))?.state === 'dead', {
    what: 'the new event to fail',
  });
  const { rows } = await executor().query('select event_id, replaces from converge.parked where id = $1', [
    made.id,
  ]);
  expect(rows).toEqual([{ event_id: made.eventId, replaces: eventId }]);
  expect(await applied('k3')).toEqual([]);
  const second = await replace(made.id, '{"key":"k3","n":12}');
  await waitUntil(async () => (await applied('k3')).length === 2, { what: 'both events' });
  const [first] = await applied('k3');
  expect([first?.n, first?.event_id, second.eventId === made.eventId]).toEqual([12, second.eventId, false]);
});

it('of two operators who replace a dead letter at once one does, and the other changes nothing', async () => {
  const { id } = await deadOf('k4', 1, 3);
  const both = await Promise.allSettled([4, 6].map((n) => replace(id, `{"key":"k4","n":${n}}`)));
  const codes = both.map((one) =>
    one.status === 'fulfilled' ? 'done' : (one.reason as { code: string }).code,
  );
  expect(codes.toSorted()).toEqual([expect.stringMatching(/^PARKED_(REFUSED|BUSY)$/), 'done']);
  await waitUntil(async () => (await applied('k4')).length === 2, { what: 'both events' });
  const won = codes[0] === 'done' ? 4 : 6;
  expect((await applied('k4')).map(({ n }) => n)).toEqual([won, 3]);
});
