import type { DomainEvent, EventDefinition, ReceivedEvent } from '@convergekit/contracts';

/**
 * compensatable   can be undone · withoutUndo: there is nothing to undo, and it says why
 * pivot   the last step that can still fail: behind it there is no way back · retriable: tried until it works
 */
export const STEP_KINDS = Object.freeze(['compensatable', 'withoutUndo', 'pivot', 'retriable'] as const);
export type StepKind = (typeof STEP_KINDS)[number];

/** One step as plain data. Its events keep their types, so that what handles it is checked by the compiler. */
export interface StepDeclaration<
  Begin extends EventDefinition = EventDefinition,
  Success extends EventDefinition = EventDefinition,
  Failure extends EventDefinition = EventDefinition,
  Undone extends EventDefinition = EventDefinition,
  Kind extends StepKind = StepKind,
  External extends boolean = boolean,
> {
  readonly saga: string;
  readonly version: number;
  readonly name: string;
  /** Its place in the order, from 0. Members of a group share it. */
  readonly stage: number;
  readonly kind: Kind;
  /** The consumer that runs it. */
  readonly by: string;
  /** True where its effect is a call to another system, which the saga worker makes outside any transaction. */
  readonly external: External;
  /** The group that it is a member of. */
  readonly group?: string;
  /** What it waits for: the start of the saga, or the success of every step of the stage before. */
  readonly begins: readonly Begin[];
  readonly success: Success;
  /** Says that it was refused and had no effect. Without one its dead letter says so. */
  readonly failure?: Failure;
  /** Says that its effect is undone. Only on steps that can be undone. @default the kit's own `converge.step_undone` */
  readonly undone?: Undone;
  /** Of `withoutUndo`: why there is nothing to undo. */
  readonly reason?: string;
}

/** One step, or the members of a group, which run side by side. */
export interface Stage {
  readonly index: number;
  readonly group?: string;
  readonly steps: readonly StepDeclaration[];
}

/** A saga as frozen plain data: its steps in order, and how each is compensated. It has no coordinator. */
export interface SagaDeclaration {
  readonly name: string;
  readonly version: number;
  /** Its id names the instance. */
  readonly start: EventDefinition;
  /** Cancels the saga, as long as its pivot has not happened. */
  readonly cancel?: EventDefinition;
  /** How long after its start it cancels itself, in milliseconds. */
  readonly deadlineMs?: number;
  /** How long services keep what they know of a run after it last moved, in milliseconds. */
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
  External extends boolean = boolean,
> {
  readonly declaration: SagaDeclaration;
  readonly step: StepDeclaration<Begin, Success, Failure, Undone, Kind, External>;
}

/** What a reader gets of one of these events. */
export type DataOf<Event> = Event extends EventDefinition<string, infer Data> ? Data : never;
/** One of these events, received; a union of events gives a union. */
export type ReceivedOf<Event> =
  Event extends EventDefinition<string, infer Data> ? ReceivedEvent<Data> : never;
/** One of these events, made; `never` where there is none. */
export type MadeOf<Event> = Event extends EventDefinition<string, infer Data> ? DomainEvent<Data> : never;

/** All steps, in order. */
export function stepsOf(declaration: SagaDeclaration): readonly StepDeclaration[] {
  return declaration.stages.flatMap(({ steps }) => steps);
}

/** True where undoing is a word for it: it may have had an effect, or it passes the undo on. */
export function canBeUndone({ kind }: Pick<StepDeclaration, 'kind'>): boolean {
  return kind === 'compensatable' || kind === 'withoutUndo';
}

/** The step that a cancellation and the deadline must stop: the pivot, or else the last one that can fail. */
export function lastStop(declaration: SagaDeclaration): StepDeclaration | undefined {
  return stepsOf(declaration).findLast(({ kind }) => kind !== 'retriable');
}
