import type { DomainEvent, EventDefinition, ReceivedEvent } from '@convergekit/contracts';

/**
 * compensatable   can be undone · withoutUndo: there is nothing to undo, and it says why
 * pivot   the last step that can still fail: behind it there is no way back · retriable: tried until it works
 */
export const STEP_KINDS = Object.freeze(['compensatable', 'withoutUndo', 'pivot', 'retriable'] as const);
export type StepKind = (typeof STEP_KINDS)[number];

/** A step as plain data. The events keep their types, so that the compiler checks the handlers. */
export interface StepDeclaration<
  Begin extends EventDefinition = EventDefinition,
  Success extends EventDefinition = EventDefinition,
  Failure extends EventDefinition = EventDefinition,
  Undone extends EventDefinition = EventDefinition,
  Kind extends StepKind = StepKind,
  IsCall extends boolean = boolean,
> {
  /** The name of the saga. */
  readonly saga: string;
  /** The version of the saga. */
  readonly version: number;
  /** The name of the step, unique in the saga. */
  readonly name: string;
  /** The step's place in the order, from 0. Members of a group share it. */
  readonly stage: number;
  /** Whether the step can be undone, is the pivot, or is retried until it works. */
  readonly kind: Kind;
  /** The consumer that runs the step. */
  readonly by: string;
  /** True where the step is a call to another system, made by the saga worker outside any transaction. */
  readonly call: IsCall;
  /** The group of which the step is a member. Undefined outside of groups. */
  readonly group?: string;
  /** The events that the step waits for: the saga's start, or the success of every step of the previous stage. */
  readonly begins: readonly Begin[];
  /** The event that the step took effect, for which the next step waits. */
  readonly success: Success;
  /**
   * The event that the step was refused without effect. The dead letter reports it where there is none. Undefined: only
   * the dead letter does.
   */
  readonly failure?: Failure;
  /** The event that the effect is undone, of steps that can be. @default the kit's `converge.step_undone` */
  readonly undone?: Undone;
  /** The reason why there is nothing to undo, for `withoutUndo`. Undefined for others. */
  readonly reason?: string;
}

/** One step, or the members of a group, which run in parallel. */
export interface Stage {
  /** The place in the order, from 0. */
  readonly index: number;
  /** The name of the group; undefined for a single step. */
  readonly group?: string;
  /** The steps, which run in parallel. */
  readonly steps: readonly StepDeclaration[];
}

/** A saga as frozen plain data: its steps in order, and how each is compensated. It has no coordinator. */
export interface SagaDeclaration {
  /** The name of the saga. */
  readonly name: string;
  /** The version, one higher for each change of the steps while older sagas may be open. */
  readonly version: number;
  /** The event whose id names the instance. */
  readonly start: EventDefinition;
  /** Cancels the saga, as long as its pivot has not happened. Undefined: no event does. */
  readonly cancel?: EventDefinition;
  /** The time after its start at which the saga cancels itself, in milliseconds. Undefined: it never does. */
  readonly deadlineMs?: number;
  /** The time services keep the data of a run after its last change, in milliseconds. */
  readonly keepMs: number;
  /** The steps and groups, in their order. */
  readonly stages: readonly Stage[];
}

/** A step of a declared saga, as what takes part names it: `placeOrder.pay`. */
export interface StepRef<
  Begin extends EventDefinition = EventDefinition,
  Success extends EventDefinition = EventDefinition,
  Failure extends EventDefinition = EventDefinition,
  Undone extends EventDefinition = EventDefinition,
  Kind extends StepKind = StepKind,
  IsCall extends boolean = boolean,
> {
  /** The saga of the step. */
  readonly declaration: SagaDeclaration;
  /** The declaration of the step, with the types of its events. */
  readonly step: StepDeclaration<Begin, Success, Failure, Undone, Kind, IsCall>;
}

/** The data that a reader gets of one of these events. */
export type DataOf<Event> = Event extends EventDefinition<string, infer Data> ? Data : never;
/** A received event of these definitions; a union of definitions gives a union. */
export type ReceivedOf<Event> =
  Event extends EventDefinition<string, infer Data> ? ReceivedEvent<Data> : never;
/** A created event of these definitions; `never` where there is none. */
export type MadeOf<Event> =
  Event extends EventDefinition<infer Type, infer Data> ? DomainEvent<Data, Type> : never;

/** Lists all steps, in order. */
export function stepsOf(declaration: SagaDeclaration): readonly StepDeclaration[] {
  return declaration.stages.flatMap(({ steps }) => steps);
}

/** True when a step can be undone: it may have had an effect, or passes the undo on. */
export function canBeUndone({ kind }: Pick<StepDeclaration, 'kind'>): boolean {
  return kind === 'compensatable' || kind === 'withoutUndo';
}

/** Returns the step that a cancellation or deadline must stop: the pivot, or the last that can fail. */
export function lastStop(declaration: SagaDeclaration): StepDeclaration | undefined {
  return stepsOf(declaration).findLast(({ kind }) => kind !== 'retriable');
}
