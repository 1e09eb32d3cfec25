import { defineSaga, type StepRef } from '@convergekit/saga/declare';
import type { DomainEvent, ReceivedEvent } from '@convergekit/contracts';
import { expect, expectTypeOf, it } from 'vitest';
import {
  cancelAsked,
  placed,
  placeOrder,
  refunded,
  rejected,
  released,
  reserved,
  taken,
} from '../fixture/sagas.ts';
import type { DataOf, MadeOf, ReceivedOf } from './declaration.ts';

type D<Event extends { parse(...given: never): unknown }> = DataOf<Event>;
const start = defineSaga('test.types', { start: placed });
const reserve = { by: 'inventory', success: reserved, undone: released } as const;
const ship = { by: 'shipping', success: taken } as const;

it('the type of a step reference has the events of its step', () => {
  const { reserve: first, pay, ship: pivot, confirm } = placeOrder;
  expectTypeOf(first).toEqualTypeOf<
    StepRef<typeof placed, typeof reserved, typeof rejected, typeof released, 'compensatable', false>
  >();
  expectTypeOf(pay.step.begins).toEqualTypeOf<readonly (typeof reserved)[]>();
  expectTypeOf(pay.step.call).toEqualTypeOf<true>();
  expectTypeOf(pivot.step.kind).toEqualTypeOf<'pivot'>();
  expectTypeOf(confirm.step.failure).toEqualTypeOf<undefined>();
  expectTypeOf<DataOf<(typeof first)['step']['success']>>().toEqualTypeOf<{ id: string; shelf: string }>();
  const any: readonly StepRef[] = [first, pay, pivot, confirm];
  expect(any.map(({ step }) => step.name)).toEqual(['reserve', 'pay', 'ship', 'confirm']);
});

it('the type of a step behind a group allows the success of any member as its begin event', () => {
  const trip = start
    .parallel({
      hotel: reserve,
      car: { by: 'cars', success: taken, undone: refunded, reason: 'free', call: true },
    })
    .pivot('go', { by: 'tours', success: rejected });
  expectTypeOf(trip.hotel.step.kind).toEqualTypeOf<'compensatable'>();
  expectTypeOf(trip.car).toEqualTypeOf<
    StepRef<typeof placed, typeof taken, never, typeof refunded, 'withoutUndo', true>
  >();
  expectTypeOf(trip.go.step.begins).toEqualTypeOf<readonly (typeof reserved | typeof taken)[]>();
  type Begin = (typeof trip.go.step.begins)[number];
  expectTypeOf<ReceivedOf<Begin>>().toEqualTypeOf<
    ReceivedEvent<D<typeof reserved>> | ReceivedEvent<D<typeof taken>>
  >();
  expectTypeOf<MadeOf<typeof reserved>>().toEqualTypeOf<
    DomainEvent<D<typeof reserved>, (typeof reserved)['type']>
  >();
  expect(trip.go.step.begins).toEqual([reserved, taken]);
});

it('S21, S56, G6k: a declaration that cannot be undone or cannot be right does not compile', () => {
  const behind = start.compensatable('reserve', reserve).pivot('ship', ship);
  const wrong: readonly (() => unknown)[] = [
    // @ts-expect-error no event says that it took effect
    () => start.compensatable('reserve', { by: 'inventory', undone: released }),
    // @ts-expect-error it does not say why there is nothing to undo
    () => start.withoutUndo('look', { by: 'inventory', success: reserved, undone: released }),
    // @ts-expect-error no consumer runs it
    () => start.pivot('ship', { success: taken }),
    // @ts-expect-error a pivot cannot be undone
    () => start.pivot('ship', { ...ship, undone: refunded }),
    // @ts-expect-error behind the pivot nothing can be undone
    () => behind.compensatable('late', reserve),
    // @ts-expect-error a saga has one pivot
    () => behind.pivot('again', { by: 'shipping', success: refunded }),
    // @ts-expect-error nothing to undo is said before the pivot only
    () => behind.withoutUndo('late', { ...reserve, reason: 'free' }),
    // @ts-expect-error a step behind the pivot cannot fail
    () => behind.retriable('confirm', { by: 'orders', success: refunded, failure: rejected }),
    () =>
      behind.parallel({
        // @ts-expect-error nor in a group
        a: { by: 'a', success: refunded, failure: rejected },
        b: { by: 'b', success: released },
      }),
    // @ts-expect-error behind a retriable step everything is retriable
    () => start.retriable('confirm', ship).compensatable('late', reserve),
    // @ts-expect-error two steps of one name
    () => behind.retriable('ship', { by: 'orders', success: refunded }),
    // @ts-expect-error also in a group
    () => behind.parallel({ ship: { by: 'a', success: refunded }, b: { by: 'b', success: rejected } }),
    // @ts-expect-error a word of the builder
    () => start.compensatable('pivot', reserve),
    // @ts-expect-error also in a group
    () => start.parallel({ declaration: reserve, b: { by: 'b', success: taken, undone: refunded } }),
    // @ts-expect-error whose value would be taken for a promise
    () => start.compensatable('then', reserve),
    // @ts-expect-error a declaration is read-only
    () => (placeOrder.declaration.version = 2),
    // @ts-expect-error there is no such step
    () => (placeOrder.wrap as () => unknown)(),
    // @ts-expect-error a saga has a start
    () => defineSaga('test.types', { cancel: cancelAsked }),
  ];
  const accepted = wrong.flatMap((declare) => {
    try {
      declare();
      return [String(declare)];
    } catch {
      return [];
    }
  });
  expect(accepted).toEqual([]);
});
