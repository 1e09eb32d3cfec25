import { canBeUndone, type SagaDeclaration, type StepDeclaration, stepsOf } from './declaration.ts';
import { triggersOf } from './triggers.ts';
import { stepUndoneEvent } from '@convergekit/contracts/engine';

/** An event that a step waits for or emits. `version` is null for dead letters, which have those of the failed event. */
export interface ListedEvent {
  readonly type: string;
  readonly version: number | null;
  readonly topic: string;
}

/** A step as operators see it: what begins it, what it answers, and its undo. */
export interface ListedStep {
  readonly step: string;
  /** The place in the order, from 1. Steps of a group share it. */
  readonly stage: number;
  readonly by: string;
  readonly kind: StepDeclaration['kind'];
  readonly call: boolean;
  readonly begins: readonly ListedEvent[];
  readonly emits: readonly ListedEvent[];
  /** The undo; null after the pivot, and for the pivot. */
  readonly undo: {
    /** The reason why there is nothing to undo; null for a step with an undo. */
    readonly nothing: string | null;
    readonly on: readonly ListedEvent[];
    readonly emits: ListedEvent;
  } | null;
}

/** Lists the steps of a saga with their undo, events, versions and topics, from the declaration. Pure. */
export function listSteps(declaration: SagaDeclaration): readonly ListedStep[] {
  return stepsOf(declaration).map((step) => {
    const { name, stage, by, kind, call, begins, success, failure } = step;
    const emits = failure === undefined ? [success] : [success, failure];
    return {
      step: name,
      stage: stage + 1,
      by,
      kind,
      call,
      begins: begins.map(listed),
      emits: emits.map(listed),
      undo: canBeUndone(step) ? undoOf(declaration, step) : null,
    };
  });
}

function undoOf(declaration: SagaDeclaration, step: StepDeclaration): ListedStep['undo'] {
  const on = triggersOf(declaration, step)
    .filter(({ trigger }) => trigger === 'undo')
    .map(({ type, topic, event }) => ({ type, topic, version: event?.version ?? null }));
  const undone = step.undone ?? stepUndoneEvent(step.by);
  return { nothing: step.reason ?? null, on: distinct(on), emits: listed(undone) };
}

function listed({ type, version, topic }: ListedEvent): ListedEvent {
  return { type, version, topic };
}

function distinct(events: readonly ListedEvent[]): readonly ListedEvent[] {
  return [...new Map(events.map((event) => [`${event.topic} ${event.type}`, event])).values()];
}
