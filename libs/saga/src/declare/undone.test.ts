import { checkGraph, drawSaga, defineSaga, type StepDeclaration } from '@convergekit/saga/declare';
import { KIT_TYPES } from '@convergekit/contracts/engine';
import { expect, it } from 'vitest';
import { cancelAsked, handed, placed, reserved, taken } from '../fixture/sagas.ts';
import { stepsOf } from './declaration.ts';
import { triggersOf } from './triggers.ts';

const start = defineSaga('test.place-order', { start: placed, cancel: cancelAsked });

it('a step without a declared undone event is undone by the kit’s own event, which the step before and the pivot listen to', () => {
  const { declaration } = start
    .compensatable('reserve', { by: 'inventory', success: reserved })
    .compensatable('pay', { by: 'payments', success: taken })
    .pivot('ship', { by: 'shipping', success: handed });
  const [first, , pivot] = stepsOf(declaration);
  const heard = (step: StepDeclaration) =>
    triggersOf(declaration, step).flatMap(({ trigger, fact, topic, type }) =>
      fact === 'undone' ? [`${trigger} ${topic} ${type}`] : [],
    );
  expect(heard(first!)).toEqual([`undo payments.failures ${KIT_TYPES.stepUndone}`]);
  expect(heard(pivot!)).toEqual([
    `close inventory.failures ${KIT_TYPES.stepUndone}`,
    `close payments.failures ${KIT_TYPES.stepUndone}`,
  ]);
  checkGraph([declaration]);
  expect(drawSaga(declaration)).toContain(`undo_pay -.->|${KIT_TYPES.stepUndone}| undo_reserve`);
});
