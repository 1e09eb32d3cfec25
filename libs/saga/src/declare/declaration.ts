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
  readonly saga: string;
  readonly version: number;
  readonly name: string;
  /** The step's place in the order, from 0. Members of a group share it. */
  readonly stage: number;
  readonly kind: Kind;
  /** The consumer that runs the step. */
  readonly by: string;
  /** True where the effect is a call to another system, made by the saga worker outside any transaction. */
  readonly call: IsCall;
  /** The group of which the step is a member. */
  readonly group?: string;
  /** The events that the step waits for: the saga's start, or the success of every step of the previous stage. */
  readonly begins: readonly Begin[];
  readonly success: Success;
  /** The event that the step was refused without effect. The dead letter reports it where there is none. */
  readonly failure?: Failure;
  /** The event that the effect is undone, of steps that can be. @default the kit's `converge.step_undone` */
  readonly undone?: Undone;
  /** The reason why there is nothing to undo, for `withoutUndo`. */
  readonly reason?: string;
}

/** One step, or the members of a group, which run in parallel. */
export interface Stage {
  readonly index: number;
  readonly group?: string;
  readonly steps: readonly StepDeclaration[];
}

/** A saga as frozen plain data: its steps in order, and how each is compensated. It has no coordinator. */
export interface SagaDeclaration {
  readonly name: string;
  readonly version: number;
  /** The event whose id names the instance. */
  readonly start: EventDefinition;
  /** Cancels the saga, as long as its pivot has not happened. */
  readonly cancel?: EventDefinition;
  /** The time after its start at which the saga cancels itself, in milliseconds. */
  readonly deadlineMs?: number;
  /** The time services keep the data of a run after its last change, in milliseconds. */
  readonly keepMs: number;
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
  readonly declaration: SagaDeclaration;
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
