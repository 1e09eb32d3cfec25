import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { compileErrors } from '../../../test/compiler.ts';

/** A module that is in memory alone: it must not compile. */
const file = join(import.meta.dirname, 'mistakes.ts');

const DEFINITIONS = `
import { consumerRef, defineCall, defineConsumer, defineEvent, defineReconciler, defineSaga, defineService, defineWorkflow, from, operation, step } from 'convergekit';
import { z } from 'zod';
const data = z.object({ id: z.string() });
const placed = defineEvent('order.placed', { topic: 'orders', key: ({ id }) => id, data });
const held = defineEvent('room.held', { topic: 'rooms', key: ({ id }) => id, data });
const freed = defineEvent('room.freed', { topic: 'rooms', key: ({ id }) => id, data });
const paid = defineEvent('order.paid', { topic: 'orders', key: ({ id }) => id, data });
const trip = defineSaga('trip', { start: placed })
  .compensatable('hold', { by: 'hotel', success: held, undone: freed, call: true })
  .pivot('pay', { by: 'bank', success: paid });
const bank = defineConsumer<object>('bank').include(step(trip.pay, { apply: ({ data }) => Promise.resolve(paid(data)) }));
interface StockDb { stock: { sku: string; reserved: number; version: number }; shelf: { id: string; place: string } }
const keys = { async *scan() { yield await Promise.resolve(['cup']); } };
const desired = from<StockDb>('orders').read(() => Promise.resolve(3));
const actual = from<StockDb>('stock').read((sku, db) => db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirst());
const repair = () => Promise.resolve(1);
interface ShopDb { order: { id: string } }
const call = { input: data, result: data, call: (input: { id: string }) => Promise.resolve(input) };
const reactions = { succeeded: () => undefined, failed: () => undefined };
const charge = defineCall('bank.charge', { ...call, idempotency: 'keyed' });
const charging = charge.onOutcome<ShopDb>(reactions);
const refunding = defineCall('bank.refund', { ...call, idempotency: 'keyed' }).onOutcome<ShopDb>(reactions);
const payments = defineConsumer<ShopDb>('payments').calls(charging).on(placed, () => undefined);
const api = ({ db }: Pick<import('convergekit').ServiceParts<ShopDb>, 'db'>) => (_: unknown, response: { end(text: string): void }) => response.end(db.selectFrom('order').compile().sql);
`;

/** A mistake in one line, and what its error says: in its first line, where the language lets it. */
const MISTAKES: readonly (readonly [title: string, code: string, says: RegExp])[] = [
  [
    'a step behind the pivot that could need an undo',
    `trip.compensatable('late', { by: 'hotel', success: freed });`,
    /^.*'"late"' is not assignable to .*'"behind the pivot there is no way back: declare this step before `\.pivot\(…\)`, or make it `\.retriable\(…\)`"'/,
  ],
  [
    'a second pivot',
    `trip.pivot('again', { by: 'hotel', success: freed });`,
    /^.*behind the pivot there is no way back: declare this step before `\.pivot/,
  ],
  [
    'a call without its idempotency',
    `defineCall('bank.charge', { ...call });`,
    /^Argument of type [^]*Property 'idempotency' is missing in type/,
  ],
  [
    'an operation without its idempotency',
    `operation({ name: 'bank.charge', call: (id: string) => Promise.resolve(id) });`,
    /^Argument of type [^]*Property 'idempotency' is missing in type/,
  ],
  [
    'a step that can be undone with a call that has no undo',
    `step(trip.hold, { call: defineCall('bank.charge', { ...call, idempotency: 'keyed' }), input: ({ event }) => event.data, outcome: (found) => held(found), undone: ({ intent }) => freed(intent.data) });`,
    /^.*a step that can be undone needs a call with `compensate`: give one to defineCall, or declare the step `withoutUndo` or as the pivot/,
  ],
  [
    'a call in a step that the saga declares without one',
    `step(trip.pay, { call: defineCall('bank.charge', { ...call, idempotency: 'keyed' }), input: () => ({ id: '1' }), outcome: () => paid({ id: '1' }) });`,
    /^.*the saga declares this step without a call: give it `call: true` there/,
  ],
  [
    'a step of a workflow whose call has no undo',
    `defineWorkflow('orders.buy', { input: data, result: data, steps: { charge: defineCall('bank.charge', { ...call, idempotency: 'keyed' }) }, body: (_, input) => Promise.resolve(input) });`,
    /^.*a step of a workflow needs a call with `compensate`, or with `irreversible` and the reason: give one to defineCall/,
  ],
  [
    'a request of a call that the consumer does not declare',
    `payments.on(placed, async ({ data }, context) => { await context.call(refunding, data); });`,
    /^.*'bank\.refund' is no call of this consumer: declare it above its handlers, defineConsumer\(…\)\.calls\(…\)/,
  ],
  [
    'a call of a consumer without reactions to its outcome',
    `defineConsumer<ShopDb>('payments').calls(charge);`,
    /^.*'bank\.charge' has no reactions to its outcome: give the result of its \.onOutcome\(\{ succeeded, failed \}\)/,
  ],
  [
    'an input that a call does not take',
    `payments.on(placed, async (event, context) => { await context.call(charging, { order: event.data.id }); });`,
    /^.*'order' does not exist in type '\{ id: string; \}'/,
  ],
  [
    'an outcome of a step that is the event of another step',
    `step(trip.pay, { apply: ({ data }) => Promise.resolve(held(data)) });`,
    /^.*DomainEvent<.*, "room\.held">.*is not assignable to.*DomainEvent<.*, "order\.paid">/,
  ],
  [
    'a failure handler of an event that the failing consumer does not handle',
    `defineConsumer<object>('shop').onFailure(payments, paid, () => undefined);`,
    /^.*'order\.paid' is no event that this consumer handles, so it never fails there: name the consumer that has `\.on\(…\)` of it/,
  ],
  [
    'a name where the failing consumer belongs',
    `defineConsumer<object>('shop').onFailure('payments', placed, () => undefined);`,
    /^.*'string' is not assignable to .*ConsumerRef/,
  ],
  [
    'an event that the service does not emit',
    `defineService('shop', { emits: [placed], onReady: ({ transaction }) => transaction(async ({ emit }) => void emit(paid({ id: '1' }))) });`,
    /^.*'order\.paid' is no event of this outbox: list its definition in `emits` of the service/,
  ],
  [
    'an event that a service does not emit whose API names its tables',
    `defineService('shop', { emits: [placed], http: api, onReady: ({ transaction }) => transaction(async ({ tx, emit }) => { await tx.selectFrom('order').execute(); emit(paid({ id: '1' })); }) });`,
    /^.*'order\.paid' is no event of this outbox: list its definition in `emits` of the service/,
  ],
  [
    'a repair that writes a column of another table',
    `defineReconciler('stock', { keys, desired, actual, version: 'version', compare: (wanted, row) => (wanted === row?.reserved ? null : wanted), repair: (_, { guard, key }) => guard.update('stock', { key: { sku: key }, version: 'version', set: { place: 'A1' } }) });`,
    /^.*'place' does not exist in type /,
  ],
  [
    'a version that is no field of what actual reads',
    `defineReconciler('stock', { keys, desired, actual, version: 'place', compare: (_, row) => row, repair: () => Promise.resolve(0) });`,
    /^Type '"place"' is not assignable to type '.*"version"/,
  ],
  [
    'a comparison that answers yes or no',
    `defineReconciler('stock', { keys, desired, actual, version: 'version', compare: (wanted, row) => wanted !== row?.reserved, repair });`,
    /^.*"compare returns the drift that the repair needs, or null where both sides agree"/,
  ],
  [
    'a comparison that returns nothing where both sides agree',
    `defineReconciler('stock', { keys, desired, actual, version: 'version', compare: (wanted, row) => (wanted === row?.reserved ? undefined : wanted), repair });`,
    /^.*"compare returns the drift that the repair needs, or null where both sides agree"/,
  ],
  [
    'a side of a reconciler that is a literal',
    `defineReconciler('stock', { keys, desired: { in: 'orders', read: () => Promise.resolve(3) }, actual, version: 'version', compare: (wanted) => wanted, repair });`,
    /^Property 'madeBy' is missing in type .* but required in type 'Side</,
  ],
  [
    'a side of a reconciler whose tables are not declared',
    `from('orders').read((sku, db) => db.selectFrom('stock').selectAll().executeTakeFirst());`,
    /declare the tables of this database: from<OrdersDb>\(…\)/,
  ],
];

/** The correct forms of the same lines: they compile. */
const CORRECT = `
trip.retriable('late', { by: 'hotel', success: freed });
defineCall('bank.charge', { ...call, idempotency: 'keyed' });
step(trip.hold, { call: defineCall('bank.charge', { ...call, idempotency: 'keyed', compensate: async ({ input, call: made }, { undoKey }) => void [input.id, made.key, undoKey.length] }), input: ({ event }) => event.data, outcome: (found) => held(found), undone: ({ intent }) => freed(intent.data) });
step(trip.pay, { apply: ({ data }) => Promise.resolve(paid(data)) });
payments.calls(refunding).on(placed, async ({ data }, { call, emit }) => { emit(paid(data)); await call(charging, data); await call(refunding, data); }).include(step(trip.pay, { apply: ({ data }) => Promise.resolve(paid(data)) }));
payments.onBatch(placed, async ([event], { call }) => { if (event !== undefined) await call(charging, event.data, event); });
defineService('shop', { consumers: [payments] });
defineReconciler('stock', { keys, desired, actual, version: 'version', lock: (sku, tx) => tx.selectFrom('stock').where('sku', '=', sku), compare: (wanted, row) => (wanted === row?.reserved ? null : wanted), repair: (wanted, { guard, key }) => guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }) });
defineReconciler<StockDb, number, StockDb, StockDb['stock'] | null, number>('stock', { keys, desired, actual: from<StockDb>('stock').read<StockDb['stock'] | null>(() => Promise.resolve(null)), version: 'version', compare: (wanted) => wanted, repair });
defineConsumer<object>('shop').onFailure(payments, placed, ({ event: { data } }) => void data.id).onFailure(consumerRef('bank'), paid, { certainty: 'known' }, () => undefined);
defineConsumer<object>('shop').onFailure(bank, held, ({ event: { data } }) => void data.id);
defineService('shop', { emits: [placed, paid], onReady: ({ transaction }) => transaction(async ({ emit }) => void emit(paid({ id: '1' }))) });
`;

/** The errors of each line of the module. */
let errors: ReadonlyMap<number, readonly string[]>;
const text = `${DEFINITIONS}${CORRECT}${MISTAKES.map(([, code]) => code).join('\n')}\n`;
const firstMistake = `${DEFINITIONS}${CORRECT}`.split('\n').length - 1;

beforeAll(() => {
  const found = Map.groupBy(compileErrors(new Map([[file, text]])), ({ line }) => line);
  errors = new Map([...found].map(([line, ofLine]) => [line, ofLine.map((one) => one.text)]));
});

it('the correct forms compile', () => {
  expect([...errors].filter(([line]) => line < firstMistake)).toEqual([]);
});

it.each(MISTAKES.map(([title, , says], at) => [title, says, at] as const))(
  'N23: %s is one compile error that names the remedy',
  (_, says, at) => {
    expect(errors.get(firstMistake + at)).toEqual([expect.stringMatching(says)]);
  },
);
