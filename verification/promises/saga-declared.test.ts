import { type ConvergeError, defineConsumer, saga, step } from 'convergekit';
import { checkGraph, drawSaga } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { buy, shop } from '../../docs/examples/testing.ts';
import { hotel, bookTrip, payments, airline, mails } from '../../docs/examples/saga.ts';
import {
  loose,
  placed,
  refunded,
  rejected,
  released,
  reserved,
  taken,
} from '../../libs/saga/src/fixture/sagas.ts';

const bank = {} as never;
const problem = (consumers: readonly object[], declarations = [bookTrip.declaration]): string => {
  try {
    checkGraph(declarations, consumers as Parameters<typeof checkGraph>[1]);
    return '';
  } catch (error) {
    expect(error).toMatchObject({
      code: 'SAGA_INVALID',
      category: 'configuration',
    } satisfies Partial<ConvergeError>);
    return (error as Error).message;
  }
};
const all = () => [hotel(1), payments(bank), airline(1), mails(() => undefined)] as const;

it('G6k: a saga whose step no consumer runs, or whose consumer does not hear of a failure, is refused with the step and the fix', () => {
  expect(problem(all())).toBe('');
  for (const [at, name] of ['hotel', 'payments', 'airline', 'mails'].entries())
    expect(problem(all().toSpliced(at, 1))).toContain(
      `there is no consumer ${name} that would run it; define it`,
    );
  // A consumer that hears only of the begin of its step would not undo it.
  const whole = hotel(1);
  for (const gone of whole.subscriptions) {
    const deaf = { ...whole, subscriptions: whole.subscriptions.filter((one) => one !== gone) };
    const text = problem(all().toSpliced(0, 1, deaf as typeof whole));
    expect(text).toContain(`its consumer hotel does not listen to ${gone.type}`);
    expect(text).toContain(`on ${gone.topic}`);
  }
});

const start = saga('test.types', { start: placed });
const reserve = { by: 'inventory', success: reserved, undone: released } as const;
const ship = { by: 'shipping', success: taken } as const;

it('S56, G6k: a declaration that cannot be undone, or cannot be right, does not compile, and is refused where nothing is compiled', () => {
  const behind = start.pivot('ship', ship);
  const wrong = (): unknown => [
    // @ts-expect-error behind the pivot nothing can be undone
    behind.compensatable('late', reserve),
    // @ts-expect-error a saga has one pivot
    behind.pivot('again', { by: 'shipping', success: refunded }),
    // @ts-expect-error a step behind the pivot cannot fail
    behind.retriable('confirm', { by: 'orders', success: refunded, failure: rejected }),
    // @ts-expect-error two steps of one name
    behind.retriable('ship', { by: 'orders', success: refunded }),
  ];
  expect(wrong).toBeTypeOf('function');
  const plain = loose(start);
  for (const declare of [
    () => plain.pivot('ship', ship).compensatable('late', reserve),
    () => plain.pivot('ship', ship).pivot('again', ship),
    () =>
      plain.pivot('ship', ship).retriable('confirm', { by: 'orders', success: refunded, failure: rejected }),
    () => plain.compensatable('reserve', reserve).compensatable('reserve', reserve),
  ])
    expect(declare).toThrow(expect.objectContaining({ code: 'SAGA_INVALID' }));
  // @ts-expect-error what can be undone needs its undo
  const without = () => step(bookTrip.room, { apply: () => undefined });
  expect(without).toBeTypeOf('function');
});

it('S30: the diagram of a saga shows its steps and its compensations, and the consumers of a saga are checked with it', () => {
  const { consumers } = shop({} as never);
  expect(() => checkGraph([buy.declaration], consumers)).not.toThrow();
  expect(() =>
    checkGraph([buy.declaration], [...consumers.slice(1), defineConsumer({ name: 'shelf' })]),
  ).toThrow(/pick/);
  expect(drawSaga(buy.declaration)).toMatch(/do_pick[^]*undo_pick|undo_pick[^]*do_pick/);
});
