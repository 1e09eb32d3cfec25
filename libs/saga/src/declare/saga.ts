import type { EventDefinition } from '@convergekit/contracts';
import type { SagaBeforePivot } from './chain.ts';
import {
  type SagaDeclaration,
  type StepDeclaration,
  type StepKind,
  type StepRef,
  stepsOf,
} from './declaration.ts';
import { type AskedStep, checkPlace, type GivenStep, isEvent, makeStep } from './make-step.ts';
import { checkSagaName, invalid } from './names.ts';

export interface SagaOptions<Start extends EventDefinition> {
  /** The version, one higher for each change of the steps while older sagas may be open. @default 1 */
  readonly version?: number;
  /** The event that begins an instance; the event's id is the instance's. */
  readonly start: Start;
  /** Cancels an instance. @default none */
  readonly cancel?: EventDefinition;
  /** The time after its start at which an instance before its pivot is cancelled, in milliseconds. @default none */
  readonly deadlineMs?: number;
  /**
   * The time services keep the data of a run after its last change, in milliseconds. It must exceed the sum of a run's
   * duration, the retention of its topics and the wait of its dead letters. @default 7_776_000_000 (90 days)
   */
  readonly keepMs?: number;
}

/** The default of `keepMs`: 90 days. */
export const DEFAULT_KEEP_MS = 7_776_000_000;

/**
 * Declares a saga that has no step yet. Throws SAGA_INVALID here, at import.
 * @example
 * ```ts
 * import { defineSaga } from 'convergekit';
 * import { orderPlaced, paymentRefused, paymentTaken, stockReserved, stockReturned } from './shop.ts';
 *
 * export const placeOrder = defineSaga('place-order', { start: orderPlaced, deadlineMs: 15 * 60_000 })
 *   .compensatable('reserve', { by: 'stock', success: stockReserved, undone: stockReturned })
 *   .pivot('pay', { by: 'payments', success: paymentTaken, failure: paymentRefused });
 * ```
 */
export function defineSaga<Start extends EventDefinition>(
  name: string,
  options: SagaOptions<Start>,
): SagaBeforePivot<unknown, Start> {
  // The methods' types are what the compiler follows; what they do is the same for all.
  return chain(begin(name, options)) as unknown as SagaBeforePivot<unknown, Start>;
}

function begin(
  name: string,
  { version = 1, start, cancel, deadlineMs, keepMs = DEFAULT_KEEP_MS }: SagaOptions<EventDefinition>,
): SagaDeclaration {
  checkSagaName(name);
  const at = { saga: name };
  if (!Number.isInteger(version) || version < 1)
    throw invalid(at, `version is ${String(version)}`, 'give a whole number from 1');
  if (!isEvent(start)) throw invalid(at, 'start is no event', 'give what defineEvent made');
  if (cancel !== undefined && !isEvent(cancel))
    throw invalid(at, 'cancel is no event', 'give what defineEvent made');
  if (deadlineMs !== undefined && !(Number.isSafeInteger(deadlineMs) && deadlineMs > 0))
    throw invalid(at, `deadlineMs is ${String(deadlineMs)}`, 'give a whole number of milliseconds from 1');
  if (!(Number.isSafeInteger(keepMs) && keepMs > 0))
    throw invalid(at, `keepMs is ${String(keepMs)}`, 'give a whole number of milliseconds from 1');
  if (deadlineMs !== undefined && keepMs <= deadlineMs)
    throw invalid(
      at,
      `its record leaves after ${keepMs} ms (keepMs), and its deadline is after ${deadlineMs} ms`,
      'make keepMs longer than deadlineMs, and than what may come late after it',
    );
  if (cancel?.type === start.type)
    throw invalid(at, `${start.type} both starts and cancels it`, 'use two events');
  return Object.freeze({
    name,
    version,
    start,
    ...(cancel === undefined ? {} : { cancel }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    keepMs,
    stages: Object.freeze([]),
  });
}

/** Builds a saga's value: its data, its methods, and its steps by name. */
function chain(declaration: SagaDeclaration): object {
  const one =
    (kind: StepKind) =>
    (name: string, given: GivenStep): object =>
      chain(append(declaration, [{ name, kind, given }]));
  const refs = stepsOf(declaration).map((step): [string, StepRef] => [
    step.name,
    Object.freeze({ declaration, step }),
  ]);
  return Object.freeze({
    declaration,
    compensatable: one('compensatable'),
    withoutUndo: one('withoutUndo'),
    pivot: one('pivot'),
    retriable: one('retriable'),
    parallel: (members: Readonly<Record<string, GivenStep>>) => chain(group(declaration, members)),
    ...Object.fromEntries(refs),
  });
}

function group(declaration: SagaDeclaration, members: Readonly<Record<string, GivenStep>>): SagaDeclaration {
  const names = Object.keys(members);
  const name = names.join('+');
  const at = { saga: declaration.name };
  if (names.length < 2)
    throw invalid(
      at,
      `the group ${JSON.stringify(name)} has fewer than two steps`,
      'declare a step by itself',
    );
  const after = stepsOf(declaration).some(({ kind }) => kind === 'pivot' || kind === 'retriable');
  const kindOf = ({ reason }: GivenStep): StepKind =>
    reason === undefined ? 'compensatable' : 'withoutUndo';
  return append(
    declaration,
    Object.entries(members).map(([member, given]) => ({
      name: member,
      kind: after && given.undone === undefined ? 'retriable' : kindOf(given),
      group: name,
      given,
    })),
  );
}

function append(declaration: SagaDeclaration, asked: readonly AskedStep[]): SagaDeclaration {
  const { start, stages } = declaration;
  const index = stages.length;
  const begins = Object.freeze(stages.at(-1)?.steps.map(({ success }) => success) ?? [start]);
  const steps: StepDeclaration[] = [];
  for (const one of asked) {
    const taken = [...stepsOf(declaration), ...steps];
    checkPlace(declaration, one, taken);
    const step = makeStep(declaration, one, begins);
    checkEvents(declaration, step, taken);
    steps.push(step);
  }
  const named = asked[0]?.group;
  const stage = Object.freeze({
    index,
    ...(named === undefined ? {} : { group: named }),
    steps: Object.freeze(steps),
  });
  return Object.freeze({ ...declaration, stages: Object.freeze([...stages, stage]) });
}

/** Checks that each event has one meaning: an event that two steps use would move both. */
function checkEvents(saga: SagaDeclaration, step: StepDeclaration, taken: readonly StepDeclaration[]): void {
  const used = new Map([
    [saga.start.type, 'the start of the saga'],
    ...(saga.cancel === undefined ? [] : [[saga.cancel.type, 'its cancellation'] as const]),
    ...taken.flatMap((one) => meanings(one, `step ${one.name}`)),
  ]);
  for (const [type, meaning] of meanings(step, 'this step')) {
    const other = used.get(type);
    if (other !== undefined)
      throw invalid(
        { saga: saga.name, step: step.name },
        `${type} is ${meaning}, and ${other} already`,
        'give each its own event',
      );
    used.set(type, meaning);
  }
}

function meanings(
  { success, failure, undone }: StepDeclaration,
  whose: string,
): readonly (readonly [string, string])[] {
  const given = { success, failure, undone };
  return Object.entries(given).flatMap(([what, event]) =>
    event === undefined ? [] : [[event.type, `${what} of ${whose}`] as const],
  );
}
