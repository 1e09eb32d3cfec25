import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import type { HandlerContext } from '@convergekit/inbox';
import type { Logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import type { DataOf, MadeOf, ReceivedOf, StepKind } from '../declare/declaration.ts';
import type { Call } from '../calls/declare/define-call.ts';
import type { CallContext } from '../calls/declare/types.ts';
import type { Reason } from '../fence/decision-sql.ts';

/** The context of a local step: the context of every handler, and the step's place. */
export interface StepContext<DB, Begin extends EventDefinition> extends HandlerContext<DB> {
  /** The run of the saga: the id of the event that started it. */
  readonly instance: string;
  /** The successes of all members after a group, in declared order; else the one event. */
  readonly begins: readonly ReceivedOf<Begin>[];
  /** Emits another event of the service with the transaction; the step's own facts are its return value. */
  readonly emit: (event: DomainEvent) => void;
}

/** The step that is to be undone. */
export interface Undo<Begin extends EventDefinition, Success extends EventDefinition> {
  /** The event that began the step; after a group the first member's. */
  readonly intent: ReceivedOf<Begin>;
  readonly begins: readonly ReceivedOf<Begin>[];
  /** The data of the step's success event, where it succeeded. */
  readonly result: DataOf<Success> | undefined;
  readonly reason: Reason;
  readonly instance: string;
}

/** The context of an undo, or of recording an outcome: in a slice or in the saga worker. */
export interface UndoContext<DB> {
  readonly tx: Transaction<DB>;
  /** Writes another event of the service's own with the transaction. */
  readonly emit: (event: DomainEvent) => void;
  readonly log: Logger;
}

/**
 * An undo that finds nothing to undo.
 * never_began   the step was not reached, so the key is all that is known · no_effect   it was refused, or failed without effect
 */
export type Noop<Begin extends EventDefinition> = {
  /** The key of the event that requested the undo. */
  readonly key: string;
  readonly instance: string;
  readonly reason: Reason;
} & (
  | { readonly kind: 'never_began' }
  | {
      readonly kind: 'no_effect';
      /** The event that began the step; after a group the first member's. */
      readonly intent: ReceivedOf<Begin>;
    }
);

type Maybe<T> = T | Promise<T>;

interface NoopHandler<Begin extends EventDefinition, Undone extends EventDefinition> {
  /** Makes the undone event of a step without effect; an error is retried. @default the kit's `converge.step_undone` */
  readonly noop?: (noop: Noop<Begin>) => MadeOf<Undone>;
}

/** The events that began a step, and the run of the saga. */
export interface BegunStep<Begin extends EventDefinition> {
  readonly event: ReceivedOf<Begin>;
  /** The successes of all members after a group, in declared order; else the one event. */
  readonly begins: readonly ReceivedOf<Begin>[];
  readonly instance: string;
}

/** Looks up the outcome of a local apply that failed with an unknown outcome. */
export interface StepQuestion<Begin extends EventDefinition> extends BegunStep<Begin>, CallContext {}

interface LocalApply<DB, Begin extends EventDefinition, Made> {
  /** Takes effect through `tx`, and returns the fact: the success event, or the failure event when refused. */
  readonly apply: (event: ReceivedOf<Begin>, context: StepContext<DB, Begin>) => Maybe<Made>;
  /** Looks up the outcome of an unknown apply: the fact; undefined: none. @default none: it waits for an operator */
  readonly query?: (question: StepQuestion<Begin>) => Promise<Made | undefined>;
  /** Milliseconds that an apply may take to become visible to `query`. @default 0 */
  readonly settleMs?: number;
  /** Does not compile: only a step that the saga declares with `call: true` has one. */
  readonly call?: 'the saga declares this step without a call: give it `call: true` there';
}

interface LocalUndo<DB, Begin extends EventDefinition, Success extends EventDefinition, Undone> {
  /**
   * Undoes the step through `tx`, and returns the declared undone event. An error is retried, for as long as it takes.
   */
  readonly compensate: (
    undo: Undo<Begin, Success>,
    context: UndoContext<DB>,
  ) => [Undone] extends [never] ? Maybe<void> : Maybe<Undone>;
}

interface CallApply<DB, Begin extends EventDefinition, Made, Of extends AnyCall> {
  /** The call, declared by `defineCall`. The saga worker makes it, outside any transaction. */
  readonly call: Of;
  /** Returns the input of the call. */
  readonly input: (begun: BegunStep<Begin>) => InputOf<Of>;
  /** The fact that a result means: the success event, or the failure event. A BusinessRejection of the call needs none. */
  readonly outcome: (result: ResultOf<Of>, begun: BegunStep<Begin>) => Made;
  /** Writes the service's own rows in the transaction that records the outcome. @default nothing */
  readonly record?: (
    known: { readonly event: ReceivedOf<Begin>; readonly outcome: Made; readonly instance: string },
    context: UndoContext<DB>,
  ) => Maybe<void>;
}

/** A declared call with any input and result. */
export type AnyCall = Call;
type InputOf<Of> = Of extends Call<infer Input> ? Input : never;
type ResultOf<Of> = Of extends Call<never, unknown, infer Result> ? Result : never;

interface Timed {
  /**
   * The time after which an unfinished step cancels itself, in milliseconds. Its outcome is undone as soon as it is
   * known.
   * @default no limit
   */
  readonly deadlineMs?: number;
}

/** The sentence that the compiler shows for a call without an undo. */
type WithUndo<Of> =
  Of extends Call<never, unknown, unknown, infer Undo>
    ? [Undo] extends ['compensate']
      ? unknown
      : 'a step that can be undone needs a call with `compensate`: give one to defineCall, or declare the step `withoutUndo` or as the pivot'
    : never;

interface CallUndo<Of> {
  /** The call, which has a `compensate` that the worker repeats by its own key until it succeeds. */
  readonly call: WithUndo<Of>;
}

/** The undone event of a call; a step that declares none has none to make. */
type UndoneHandler<Begin extends EventDefinition, Success extends EventDefinition, Undone> = [
  Undone,
] extends [never]
  ? unknown
  : { readonly undone: (undo: Undo<Begin, Success>) => Undone };

type Applied<DB, Begin extends EventDefinition, Made, IsCall, Of extends AnyCall> = [IsCall] extends [true]
  ? CallApply<DB, Begin, Made, Of>
  : LocalApply<DB, Begin, Made>;

type Undoing<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  IsCall,
  Of,
> = [Kind] extends ['compensatable']
  ? NoopHandler<Begin, Undone> &
      ([IsCall] extends [true]
        ? CallUndo<Of> & UndoneHandler<Begin, Success, MadeOf<Undone>> & Timed
        : LocalUndo<DB, Begin, Success, MadeOf<Undone>>)
  : [Kind] extends ['withoutUndo']
    ? NoopHandler<Begin, Undone> & ([IsCall] extends [true] ? Timed : unknown)
    : unknown;

/** The handlers of a service for one step: how it takes effect and, before the pivot, is undone. */
export type StepHandlers<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Failure extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  IsCall extends boolean,
  Of extends AnyCall = AnyCall,
> = Applied<DB, Begin, MadeOf<Success> | MadeOf<Failure>, IsCall, Of> &
  Undoing<DB, Begin, Success, Undone, Kind, IsCall, Of>;

/** The handlers with their types erased, as the engine calls them. Only `step` makes these. */
export interface ErasedHandlers<DB> {
  readonly local?: LocalApply<DB, EventDefinition, DomainEvent>;
  readonly calling?: CallApply<DB, EventDefinition, DomainEvent, AnyCall> & Timed;
  readonly compensate?: (
    undo: Undo<EventDefinition, EventDefinition>,
    context: UndoContext<DB>,
  ) => Maybe<DomainEvent | undefined>;
  /** Makes the undone event of a call that has an undo. */
  readonly undone?: (undo: Undo<EventDefinition, EventDefinition>) => DomainEvent | undefined;
  readonly noop?: (noop: Noop<EventDefinition>) => DomainEvent;
}
