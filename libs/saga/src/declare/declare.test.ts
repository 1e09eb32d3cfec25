import { defineSaga } from '@convergekit/saga/declare';
import { failureEvent } from '@convergekit/contracts/engine';
import { describe, expect, it } from 'vitest';
import {
  cancelAsked,
  confirmed,
  declined,
  handed,
  loose,
  placed,
  placeOrder,
  refunded,
  rejected,
  released,
  reserved,
  taken,
} from '../fixture/sagas.ts';
import { RESERVED_NAMES } from './names.ts';

const start = loose(defineSaga('test.place-order', { start: placed, cancel: cancelAsked }));
const reserve = { by: 'inventory', success: reserved, failure: rejected, undone: released };
const pay = { by: 'payments', success: taken, undone: refunded };
const message = (declare: () => unknown): string => {
  try {
    declare();
  } catch (error) {
    expect(error).toMatchObject({
      code: 'SAGA_INVALID',
      category: 'configuration',
      certainty: 'not_applied',
    });
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

describe('a declaration', () => {
  it('a declaration is plain frozen data in the order of its chain', () => {
    const { declaration } = placeOrder;
    expect(declaration).toMatchObject({
      name: 'test.place-order',
      version: 1,
      start: placed,
      cancel: cancelAsked,
    });
    expect(declaration.stages.map(({ index, steps }) => [index, steps.map(({ name }) => name)])).toEqual([
      [0, ['reserve']],
      [1, ['pay']],
      [2, ['ship']],
      [3, ['confirm']],
    ]);
    expect(placeOrder.pay.step).toEqual({
      saga: 'test.place-order',
      version: 1,
      name: 'pay',
      stage: 1,
      kind: 'compensatable',
      by: 'payments',
      call: true,
      begins: [reserved],
      success: taken,
      failure: declined,
      undone: refunded,
    });
    for (const part of [
      declaration,
      declaration.stages,
      declaration.stages[0]?.steps,
      placeOrder.pay.step.begins,
    ])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('a step reference of a declaration knows the whole saga, however early the step was declared', () => {
    expect(placeOrder.reserve.declaration).toBe(placeOrder.declaration);
    expect(placeOrder.reserve.step).toBe(placeOrder.declaration.stages[0]?.steps[0]);
  });

  it('a declaration is not changed by steps that are added later', () => {
    const one = defineSaga('test.two', { start: placed }).compensatable('reserve', reserve);
    const two = one.pivot('ship', { by: 'shipping', success: handed });
    expect([one, two].map(({ declaration }) => declaration.stages.length)).toEqual([1, 2]);
  });

  it('a declaration has the members of a group in one stage', () => {
    const { declaration, ship } = defineSaga('test.group', { start: placed })
      .parallel({ reserve, look: { ...pay, reason: 'it only looks' } })
      .pivot('ship', { by: 'shipping', success: handed });
    const [group] = declaration.stages;
    expect(group).toMatchObject({ index: 0, group: 'reserve+look' });
    expect(group?.steps.map(({ kind, group: name, reason }) => [kind, name, reason])).toEqual([
      ['compensatable', 'reserve+look', undefined],
      ['withoutUndo', 'reserve+look', 'it only looks'],
    ]);
    expect(ship.step.begins).toEqual([reserved, taken]);
  });
});

// Planted fault: without `checkPlace`'s refusal a step that can fail stands behind the pivot.
describe('a wrong declaration', () => {
  const shipped = start.compensatable('reserve', reserve).pivot('ship', { by: 'shipping', success: handed });
  const cases: readonly [string, () => unknown, string][] = [
    [
      'a step behind the pivot that can fail',
      () => shipped.retriable('confirm', { by: 'orders', success: confirmed, failure: declined }),
      'saga test.place-order, step confirm: it stands where there is no way back and can fail; leave failure out (it is tried until it works), or move it before the pivot',
    ],
    [
      'a compensatable step behind the pivot',
      () => shipped.compensatable('pay', pay),
      'saga test.place-order, step pay: it can fail, and it stands behind ship (pivot), from where there is no way back; move it before that step, or make it retriable',
    ],
    [
      'a member of a group behind the pivot that can fail',
      () => shipped.parallel({ pay, b: { by: 'b', success: confirmed } }),
      'step pay: it can fail, and it stands behind ship (pivot)',
    ],
    [
      'a second pivot',
      () => shipped.pivot('again', { by: 'shipping', success: taken }),
      'step again: it can fail, and it stands behind ship (pivot)',
    ],
    [
      'a step that can fail behind a retriable one',
      () =>
        start
          .retriable('notify', { by: 'orders', success: confirmed })
          .pivot('ship', { by: 'shipping', success: handed }),
      'step ship: it can fail, and it stands behind notify (retriable)',
    ],
    [
      'a pivot that is undone',
      () => start.pivot('ship', { by: 'shipping', success: handed, undone: refunded }),
      'step ship: a pivot cannot be undone; leave undone out',
    ],
    [
      'a retriable step that is undone',
      () => start.retriable('notify', { by: 'orders', success: confirmed, undone: refunded }),
      'step notify: nothing ever undoes it; leave undone out',
    ],
    [
      'a step without undo that gives no reason',
      () => start.withoutUndo('look', { ...pay, reason: ' ' }),
      'step look: it does not say why there is nothing to undo; give a reason',
    ],
    [
      'two steps of one name',
      () => start.compensatable('pay', pay).compensatable('pay', reserve),
      'step pay: another step has this name; give each step its own name',
    ],
    [
      'one event for two steps',
      () => start.compensatable('reserve', reserve).compensatable('pay', { ...pay, success: reserved }),
      'step pay: test.reserved is success of this step, and success of step reserve already; give each its own event',
    ],
    [
      'one event for two meanings',
      () => start.compensatable('pay', { ...pay, undone: taken }),
      'step pay: test.taken is undone of this step, and success of this step already',
    ],
    [
      'the start event as a success event',
      () => start.pivot('ship', { by: 'shipping', success: placed }),
      'step ship: test.placed is success of this step, and the start of the saga already',
    ],
    [
      'the cancellation event as a failure event',
      () => start.pivot('ship', { by: 'shipping', success: handed, failure: cancelAsked }),
      'step ship: test.cancel-asked is failure of this step, and its cancellation already',
    ],
    [
      'the failure event of a consumer as its own',
      () => start.pivot('ship', { by: 'shipping', success: handed, failure: failureEvent('shipping') }),
      'step ship: failure is the failure event of a consumer; give an event of your own',
    ],
    [
      'a success that is no event',
      () => start.pivot('ship', { by: 'shipping', success: 'handed' }),
      'step ship: success is no event; give what defineEvent made',
    ],
    [
      'a step without a success event',
      () => start.pivot('ship', { by: 'shipping' }),
      'step ship: no event says that it took effect; give success',
    ],
    [
      'a step without a consumer',
      () => start.pivot('ship', { success: handed }),
      'step ship: it does not say which consumer runs it; give the name of the consumer',
    ],
    [
      'an invalid name of a consumer',
      () => start.pivot('ship', { by: 'a b', success: handed }),
      'step ship: "a b" cannot name a consumer; give the name of the consumer',
    ],
    [
      'an invalid name of a step',
      () => start.pivot('Ship', { by: 'shipping', success: handed }),
      'step "Ship": this cannot name a step; use lower-case letters',
    ],
    [
      'a group of one',
      () => start.parallel({ pay }),
      'saga test.place-order: the group "pay" has fewer than two steps; declare a step by itself',
    ],
    [
      'an invalid name of the saga',
      () => defineSaga('Shop', { start: placed }),
      'saga "Shop": this cannot name a saga; use lower-case words joined by dots',
    ],
    [
      'an invalid version',
      () => defineSaga('shop', { version: 0, start: placed }),
      'saga shop: version is 0; give a whole number from 1',
    ],
    [
      'an invalid deadline',
      () => defineSaga('shop', { start: placed, deadlineMs: 0.5 }),
      'saga shop: deadlineMs is 0.5; give a whole number of milliseconds from 1',
    ],
    [
      'no start event',
      () => defineSaga('shop', {} as never),
      'saga shop: start is no event; give what defineEvent made',
    ],
    [
      'a cancellation that is no event',
      () => defineSaga('shop', { start: placed, cancel: 'x' as never }),
      'saga shop: cancel is no event',
    ],
    [
      'one event as start and cancellation',
      () => defineSaga('shop', { start: placed, cancel: placed }),
      'saga shop: test.placed both starts and cancels it; use two events',
    ],
    ...RESERVED_NAMES.map((name): [string, () => unknown, string] => [
      `the reserved step name ${name}`,
      () => start.compensatable(name, pay),
      `step ${name}: the name is a word of the builder; name the step otherwise`,
    ]),
  ];
  it.each(cases)(
    'S21, G6k: a declaration with %s is refused at import, with the step and the fix',
    (_, declare, text) => expect(message(declare)).toContain(text),
  );
});
