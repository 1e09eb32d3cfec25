import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts';
import type { Policy, SharedGuards } from '@convergekit/resilience';
import type { Transaction } from 'kysely';
import type { CallContext, EffectIdempotency, Found } from '@convergekit/effects';
import type { Asks, StoredFailure } from '@convergekit/effects/engine';
import type { PlannedUndo } from './entry.ts';

/**
 * What an undo says of itself; nothing means `done`.
 * noop_already       it had been undone before · noop_not_applied: there was nothing to undo
 * irreversible       it cannot be undone: a person must act
 */
export type UndoAnswer = 'done' | 'noop_already' | 'noop_not_applied' | 'irreversible';

/** What an undo knows: what was intended, what came of it, and why it is undone. */
export interface Undoing<Intent, Result> {
  readonly intent: Intent;
  readonly result: Result;
  readonly reason: StoredFailure;
}

/** A step that cannot be undone says so: everything before it then waits for a person. */
export type Undo<Undoing, Context> =
  | {
      readonly undo: (what: Undoing, context: Context) => Promise<UndoAnswer> | Promise<void>;
      readonly irreversible?: undefined;
    }
  | { readonly irreversible: string; readonly undo?: undefined };

interface StepSchemas<In extends StandardSchema, Res extends StandardSchema> {
  /** What is stored as the intent. Its output must read back as it was written. */
  readonly intent: In;
  /** What is stored as the result, under the same condition. */
  readonly result: Res;
}

/** A call to another system, and how it is undone. */
export type StackStepOptions<In extends StandardSchema, Res extends StandardSchema> = StepSchemas<In, Res> &
  Undo<Undoing<InferOutput<In>, InferOutput<Res>>, CallContext> & {
    /** Of `do` and of `undo`; each has a key of its own. `none` without `check` leaves an unknown outcome to a person. */
    readonly idempotency: EffectIdempotency;
    /** Throws to fail: a BusinessRejection is the declared "no". */
    readonly do: (intent: InferOutput<In>, context: CallContext) => Promise<InferInput<Res>>;
    /**
     * Looks whether the effect is there now: `applied` with its result, else `not_found`. Asked when an outcome is
     * unknown, before anything is repeated, and before each undo. It is given the key of `do`.
     */
    readonly check?:
      ((intent: InferOutput<In>, context: CallContext) => Promise<Found<InferInput<Res>>>) | undefined;
    /** Milliseconds that the other side may take to make a call visible to `check` after it came in. @default 0 */
    readonly settleMs?: number;
    /** One run of attempts. @default the policy of `<stack>.<step>` in the worker's policies */
    readonly policy?: Policy;
  };

export interface LocalContext<DB> {
  /** The transaction that writes the result into the journal: what is written through it happens once. */
  readonly tx: Transaction<DB>;
}

/** A change of the service's own database: one transaction with its place in the journal, so never unknown. */
export type LocalStepOptions<DB, In extends StandardSchema, Res extends StandardSchema> = StepSchemas<
  In,
  Res
> &
  Undo<Undoing<InferOutput<In>, InferOutput<Res>>, LocalContext<DB>> & {
    readonly do: (intent: InferOutput<In>, context: LocalContext<DB>) => Promise<InferInput<Res>>;
  };

/** A step as it is declared. Only `stackStep` and `localStep` make these. */
export interface StackStep<Intent = unknown, Result = unknown> {
  /** Gives it its name: `<stack>.<step>`. */
  bind(name: string): BoundStep;
  /** Only for the compiler. */
  readonly types?: { readonly intent: Intent; readonly result: Result };
}

interface BoundCommon {
  readonly name: string;
  readonly planned: PlannedUndo;
  /** Checks an intent, and gives its stored form. Throws a ContractError of category data. */
  plan(intent: unknown): string;
  /** Reads a stored result. Throws when this version of the code cannot. */
  resultOf(text: string): unknown;
}

/** What is kept of a step that is to be undone. */
export interface StoredStep {
  readonly intent: string;
  readonly key: string;
  readonly result: string;
  readonly reason: StoredFailure;
}

/** A step with its types erased down to the stored text: what the engine runs. */
export type BoundStep =
  | (BoundCommon & {
      readonly kind: 'foreign';
      readonly idempotency: EffectIdempotency;
      readonly canQuery: boolean;
      readonly settleMs: number;
      policyIn(shared: Pick<SharedGuards, 'for'>): Policy;
      doing(stored: Pick<StoredStep, 'intent' | 'key'>): Asks;
      /** Its query says `applied` when the undo has taken effect, that is, when the effect is gone. */
      undoing(stored: StoredStep): Asks;
    })
  | (BoundCommon & {
      readonly kind: 'local';
      doing(intent: string, tx: Transaction<unknown>): Promise<string>;
      undoing(stored: StoredStep, tx: Transaction<unknown>): Promise<UndoAnswer>;
    });

export type ForeignStep = Extract<BoundStep, { kind: 'foreign' }>;
export type LocalStep = Extract<BoundStep, { kind: 'local' }>;
