import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import type { HandlerContext } from '@convergekit/inbox';
import type { Policy, SlowSchedule } from '@convergekit/resilience';
import type { Logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import type { DataOf, MadeOf, ReceivedOf, StepKind } from '../declare/declaration.ts';
import type { CallContext, EffectIdempotency } from '@convergekit/effects';
import type { Reason } from '../fence/fence-sql.ts';

/** What a local step gets beside its event: what every handler gets, and where it stands. */
export interface StepContext<DB, Begin extends EventDefinition> extends HandlerContext<DB> {
  /** The run of the saga: the id of the event that started it. */
  readonly instance: string;
  /** After a group the successes of all its members, in the order of the declaration; else the one event. */
  readonly begins: readonly ReceivedOf<Begin>[];
  /** Writes another event of the service's own with the transaction: the step's own facts are what it returns. */
  readonly emit: (event: DomainEvent) => void;
}

/** What is to be undone. */
export interface Undo<Begin extends EventDefinition, Success extends EventDefinition> {
  /** The event that began the step; after a group the first member's. */
  readonly intent: ReceivedOf<Begin>;
  readonly begins: readonly ReceivedOf<Begin>[];
  /** What the step told, where it came to that. */
  readonly result: DataOf<Success> | undefined;
  readonly reason: Reason;
  readonly instance: string;
}

/** Of an undo, and of a settlement: it may run in a slice or in the saga worker. */
export interface UndoContext<DB> {
  readonly tx: Transaction<DB>;
  /** Writes another event of the service's own with the transaction. */
  readonly emit: (event: DomainEvent) => void;
  readonly log: Logger;
}

/** An undo that finds nothing to undo, and must be told all the same. */
export interface Noop<Begin extends EventDefinition> {
  /** Of the event that asked for the undo. */
  readonly key: string;
  readonly instance: string;
  readonly reason: Reason;
  /** What began the step; undefined when it never began, and then the key is all that is known. */
  readonly intent: ReceivedOf<Begin> | undefined;
}

type Maybe<T> = T | Promise<T>;

interface NoopHandler<Begin extends EventDefinition, Undone extends EventDefinition> {
  /**
   * The undone event of a step that has no effect: it was refused, failed without one, or never began. What it throws is tried
   * again, and shown as stuck. @default no such event: the kit's own `converge.step_undone` passes the undo on
   */
  readonly noop?: (noop: Noop<Begin>) => MadeOf<Undone>;
}

/** A question to whoever knows what became of an apply of unknown outcome. */
export interface StepQuestion<Begin extends EventDefinition> extends CallContext {
  readonly event: ReceivedOf<Begin>;
  readonly begins: readonly ReceivedOf<Begin>[];
  readonly instance: string;
}

interface LocalApply<DB, Begin extends EventDefinition, Made> {
  /** Takes effect through `tx`, and returns the fact: its success event, or its failure event when it is refused. */
  readonly apply: (event: ReceivedOf<Begin>, context: StepContext<DB, Begin>) => Maybe<Made>;
  /**
   * Asked by the saga worker when the apply failed and nobody knows whether it took effect: the fact, or undefined = it did
   * not. @default none: such a step waits for a person
   */
  readonly query?: (question: StepQuestion<Begin>) => Promise<Made | undefined>;
  /** Milliseconds that an apply may take to become visible to `query`. @default 0 */
  readonly settleMs?: number;
}

interface LocalUndo<DB, Begin extends EventDefinition, Success extends EventDefinition, Undone> {
  /** Undoes it through `tx`, and returns the undone event. What it throws is tried again, for as long as it takes. */
  readonly compensate: (undo: Undo<Begin, Success>, context: UndoContext<DB>) => Maybe<Undone>;
}

interface ExternalApply<DB, Begin extends EventDefinition, Made> {
  /** Makes the call, outside any transaction, and returns the fact. A BusinessRejection is a refusal without words. */
  readonly apply: (call: StepQuestion<Begin>) => Promise<Made>;
  /** What became of a call that was made, or perhaps never came through: the fact, or undefined = not found. */
  readonly query?: (question: StepQuestion<Begin>) => Promise<Made | undefined>;
  /** Milliseconds that the other side may take to make a call visible: see `defineEffect`. @default 0 */
  readonly settleMs?: number;
  /** What the other side makes of a call that it gets twice. */
  readonly idempotency: EffectIdempotency;
  /** One run of attempts. @default that of the worker's policies, by the effect's name `<saga>.<step>.apply` */
  readonly policy?: Policy;
  /** Waits between runs. A call that certainly took no effect is given up `withinMs` after the intent. @default for ever */
  readonly schedule?: SlowSchedule;
  /** Calls at the same time, in one process. @default 8 */
  readonly concurrency?: number;
  /** Writes the service's own rows in the transaction that settles the outcome. @default nothing */
  readonly record?: (
    settled: { readonly event: ReceivedOf<Begin>; readonly outcome: Made; readonly instance: string },
    context: UndoContext<DB>,
  ) => Maybe<void>;
}

interface Timed {
  /**
   * Milliseconds after which a step that has not ended calls itself off: its outcome is undone as soon as it is known.
   * @default no limit
   */
  readonly deadlineMs?: number;
}

interface ExternalUndo<Begin extends EventDefinition, Success extends EventDefinition, Undone> {
  /** Makes the call that undoes it, by its own idempotency key; repeated until it works. */
  readonly compensate: (undo: Undo<Begin, Success> & CallContext) => Promise<Undone>;
}

type Applied<DB, Begin extends EventDefinition, Made, External> = [External] extends [true]
  ? ExternalApply<DB, Begin, Made>
  : LocalApply<DB, Begin, Made>;

type Undoing<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  External,
> = [Kind] extends ['compensatable']
  ? NoopHandler<Begin, Undone> &
      ([External] extends [true]
        ? ExternalUndo<Begin, Success, MadeOf<Undone>> & Timed
        : LocalUndo<DB, Begin, Success, MadeOf<Undone>>)
  : [Kind] extends ['none']
    ? NoopHandler<Begin, Undone> & ([External] extends [true] ? Timed : unknown)
    : unknown;

/** What a service does at one step: how it takes effect and, before the pivot, how that is undone. */
export type StepHandlers<
  DB,
  Begin extends EventDefinition,
  Success extends EventDefinition,
  Failure extends EventDefinition,
  Undone extends EventDefinition,
  Kind extends StepKind,
  External extends boolean,
> = Applied<DB, Begin, MadeOf<Success> | MadeOf<Failure>, External> &
  Undoing<DB, Begin, Success, Undone, Kind, External>;

/** The same with its types erased: what the engine calls. Only `step` makes these. */
export interface ErasedHandlers<DB> {
  readonly external: boolean;
  readonly local?: LocalApply<DB, EventDefinition, DomainEvent>;
  readonly outside?: ExternalApply<DB, EventDefinition, DomainEvent> & Timed;
  readonly undoLocal?: LocalUndo<DB, EventDefinition, EventDefinition, DomainEvent>['compensate'];
  readonly undoOutside?: ExternalUndo<EventDefinition, EventDefinition, DomainEvent>['compensate'];
  readonly noop?: (noop: Noop<EventDefinition>) => DomainEvent;
}
