import {
  checkGraph,
  drawSaga,
  type Listener,
  defineSaga,
  type SagaDeclaration,
} from '@convergekit/saga/declare';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cancelAsked,
  handed,
  placed,
  placeOrder,
  refunded,
  rejected,
  released,
  reserved,
  taken,
} from '../fixture/sagas.ts';
import { stepsOf } from './declaration.ts';
import { triggersOf } from './triggers.ts';
import { faultsOf, mayBeApplied, reach } from '../fixture/reach.ts';
import { anySaga, shapes } from '../fixture/any-saga.ts';

type Heard = Listener['subscriptions'][number];
const same = (a: Heard, b: Heard): boolean =>
  a.topic === b.topic && a.type === b.type && a.failedType === b.failedType;

/** Lists the subscriptions that the steps of a saga need, by consumer. */
function needed(declaration: SagaDeclaration): readonly (Heard & { readonly by: string })[] {
  const all = stepsOf(declaration).flatMap((step) =>
    triggersOf(declaration, step).flatMap(({ topic, type, failedTypes }) =>
      (failedTypes ?? [undefined]).map((failedType) => ({
        by: step.by,
        topic,
        type,
        ...(failedType === undefined ? {} : { failedType }),
      })),
    ),
  );
  return all.filter((one, at) => all.findIndex((other) => other.by === one.by && same(other, one)) === at);
}

function consumers(
  subscriptions: readonly (Heard & { readonly by: string })[],
  names: readonly string[],
): readonly Listener[] {
  return names.map((name) => ({ name, subscriptions: subscriptions.filter(({ by }) => by === name) }));
}

const problem = (...given: Parameters<typeof checkGraph>): string => {
  try {
    checkGraph(...given);
    return 'nothing was thrown';
  } catch (error) {
    expect(error).toMatchObject({ code: 'SAGA_INVALID' });
    return (error as Error).message;
  }
};

const runners = (declaration: SagaDeclaration): readonly string[] => stepsOf(declaration).map(({ by }) => by);

describe('the graph of a saga', () => {
  // Planted fault: triggersOf without the siblings, without the next stage's undone or without the own dead letter.
  it('G6k: whatever fails in a declared saga, exactly the steps that may have been applied are undone', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const declaration = anySaga(shape);
        checkGraph([declaration], consumers(needed(declaration), runners(declaration)));
        for (const fault of faultsOf(declaration)) {
          const names = (steps: Iterable<{ name: string }>) => [...steps].map(({ name }) => name).sort();
          expect(names(reach(declaration, fault))).toEqual(names(mayBeApplied(declaration, fault)));
        }
      }),
    );
  });

  it('the check of a saga finds each missing subscription, and names its consumer and topic', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, pick) => {
        const declaration = anySaga(shape);
        const all = needed(declaration);
        const gone = all[pick % all.length]!;
        const text = problem(
          [declaration],
          consumers(
            all.filter((one) => one !== gone),
            runners(declaration),
          ),
        );
        expect(text).toContain(`its consumer ${gone.by} does not listen to ${gone.type}`);
        expect(text).toContain(`on ${gone.topic}`);
      }),
    );
  });

  it('the check of a saga says which step would not be undone, and after which failure', () => {
    const { declaration } = placeOrder;
    const all = needed(declaration);
    const deaf = all.filter(({ by, type }) => !(by === 'inventory' && type === 'test.declined'));
    expect(problem([declaration], consumers(deaf, ['inventory', 'payments', 'shipping', 'orders']))).toBe(
      'saga test.place-order, step reserve: its consumer inventory does not listen to test.declined on test.sagas, so it would not be undone when pay is refused; include the step in that consumer',
    );
    expect(problem([declaration], consumers(all, ['inventory', 'payments', 'orders']))).toBe(
      'saga test.place-order, step ship: there is no consumer shipping that would run it; define it, or name another one in by',
    );
  });

  // Planted fault: without `undoable` nothing is thrown here.
  it('the check of a saga refuses an undo that no failure can reach', () => {
    const { declaration } = defineSaga('test.last', { start: placed })
      .compensatable('reserve', { by: 'inventory', success: reserved, undone: released })
      .compensatable('pay', { by: 'payments', success: taken, undone: refunded })
      .retriable('notify', { by: 'orders', success: handed });
    expect(problem([declaration])).toBe(
      'saga test.last, step pay: its undo is unreachable: nothing that runs beside it or after it can fail; make it the pivot, which needs no undone',
    );
  });

  it('the check of a saga accepts an undo of a last step that calls another system, for its dead letter may say that it took effect', () => {
    const { declaration } = defineSaga('test.last', { start: placed, cancel: cancelAsked })
      .compensatable('reserve', { by: 'inventory', success: reserved, undone: released })
      .compensatable('pay', { by: 'payments', success: taken, undone: refunded, call: true });
    expect(problem([declaration])).toBe('nothing was thrown');
    const heard = triggersOf(declaration, stepsOf(declaration)[1]!).map(
      ({ trigger, fact }) => `${trigger} ${fact}`,
    );
    expect(heard).toEqual([
      ...['begin success', 'undo dead_letter', 'cancel cancel', 'deadline start'],
      ...['close dead_letter', 'close undone', 'close undone'],
    ]);
  });

  it('the check of a saga refuses a cancellation that can stop no step, or would have to stop a whole group', () => {
    const options = { start: placed, cancel: cancelAsked };
    const reached = defineSaga('test.reached', options).retriable('notify', {
      by: 'orders',
      success: handed,
    });
    const group = defineSaga('test.group', options).parallel({
      reserve: { by: 'inventory', success: reserved, undone: released },
      pay: { by: 'payments', success: taken, undone: refunded },
    });
    expect(problem([reached.declaration])).toBe(
      'saga test.reached: its cancellation can stop nothing: every step is retriable; leave it out',
    );
    expect(problem([group.declaration])).toContain(
      'step pay: its cancellation would have to stop all of reserve+pay at once; add a pivot behind the group',
    );
    expect(problem([defineSaga('test.empty', options).declaration])).toBe(
      'saga test.empty: it has no step; add one',
    );
  });

  it('the check of a saga refuses two declarations of one version, and accepts two versions', () => {
    const declare = (version: number) =>
      defineSaga('test.v', { version, start: placed }).pivot('ship', {
        by: 'shipping',
        success: handed,
        failure: rejected,
      }).declaration;
    expect(problem([declare(1), declare(1)])).toBe(
      'saga test.v version 1 is declared 2 times, differently; give each its own version',
    );
    const one = declare(1);
    expect(problem([one, one, declare(2)])).toBe('nothing was thrown');
  });
});

it('the diagram of a saga shows its steps and its compensations', () => {
  expect(drawSaga(placeOrder.declaration)).toMatchInlineSnapshot(`
    "flowchart TD
      start([test.placed])
      do_reserve["reserve · inventory<br/>compensatable"]
      do_pay["pay · payments<br/>compensatable, a call"]
      do_ship{{"ship · shipping<br/>pivot"}}
      do_confirm["confirm · orders<br/>retriable"]
      completed([completed])
      undo_reserve["undo reserve<br/>inventory"]
      undo_pay["undo pay<br/>payments"]
      compensated([compensated])
      start --> do_reserve
      do_reserve -->|test.reserved| do_pay
      do_pay -->|test.taken| do_ship
      do_ship -->|test.handed| do_confirm
      do_confirm -->|test.confirmed| completed
      do_reserve -.->|test.rejected or dead letter| compensated
      do_reserve -.->|dead letter, took effect| undo_reserve
      undo_reserve -.->|test.released| compensated
      do_pay -.->|test.declined or dead letter| undo_reserve
      do_pay -.->|dead letter, took effect| undo_pay
      undo_pay -.->|test.refunded| undo_reserve
      do_ship -.->|test.refused or dead letter| undo_pay
      cancel([test.cancel-asked]) -.->|stops, if not begun| do_ship
      deadline([15 min after the start]) -.->|stops, if not begun| do_ship"
  `);
});
