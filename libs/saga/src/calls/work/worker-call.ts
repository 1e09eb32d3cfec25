import type { DomainEvent } from '@convergekit/contracts';
import type { Failure } from '@convergekit/core';
import type { EmitAs, Gathered, RequestableCall } from '@convergekit/inbox/engine';
import type { OperationGuards, Policy, SharedGuards, SlowSchedule } from '@convergekit/resilience';
import type { Transaction } from 'kysely';
import type { CallIdempotency, Found } from '../declare/types.ts';
import type { Quota } from '../quota/quota.ts';
import type { EndedWork, StoredFailure, StuckReason, WorkAttempt } from './work.ts';

/** The context of reactions to an outcome, with the outcome's transaction. */
export interface OutcomeContext<DB, Input> {
  /** The transaction that closes the intent: what is written through it happens once. */
  readonly tx: Transaction<DB>;
  /** Writes an event with that transaction; ids, causation and correlation follow from the requesting event. */
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  /** The input of the call. */
  readonly input: Input;
  /** The idempotency key with which the call was made. */
  readonly idempotencyKey: string;
  /** The key of the requesting event. */
  readonly key: string;
  /** The attempts, the latest last. */
  readonly attempts: readonly WorkAttempt[];
  /** The call that ends, for the journal of its step. */
  readonly ended: EndedWork;
  /** The row that `lockSql` locked. Undefined: the call has none, or found no row. */
  readonly locked: unknown;
  /** What the outcomes of the transaction write together. */
  readonly gathered: Gathered<DB>;
}

/** The failure of a call that certainly took no effect. */
export type CallFailure = Pick<Failure, 'category' | 'certainty' | 'code' | 'message'>;

/** The reactions to an outcome. An error in a reaction rolls back and is retried, without a second call. */
export interface Reactions<DB, Input, Result> {
  /** Runs when the call took effect, with its result. */
  readonly succeeded: (result: Result, context: OutcomeContext<DB, Input>) => Promise<void> | void;
  /** Runs when the call certainly took no effect and is not made again. */
  readonly failed: (failure: CallFailure, context: OutcomeContext<DB, Input>) => Promise<void> | void;
}

/** The tools of the worker's transaction for a hook. */
export type HookTools<DB> = Pick<OutcomeContext<DB, never>, 'tx' | 'emit'>;

/** A call that has waited longer than its bound. */
export interface LateWork {
  /** `start`: no attempt was made · `call`, `query`: it fails · `settlement`: a reaction to its outcome fails. */
  readonly at: 'start' | 'call' | 'query' | 'settlement';
  /** The failure of the last attempt. Absent where none was made. */
  readonly failure?: StoredFailure;
}

/** A call and its reactions, with types erased to stored text, as the worker runs it. */
export interface WorkerCall<DB, Input = never> {
  /** The name of the use, for policies, breakers and metrics. */
  readonly name: string;
  /** The name of the call. @default none: it calls nothing */
  readonly call?: string;
  /**
   * The saga of a step's work: name, and retention of the records in milliseconds. Undefined for the call of a handler
   * or a workflow.
   */
  readonly saga?: {
    /** The name of the saga. */
    readonly name: string;
    /** The time the records are kept, in milliseconds. */
    readonly keepMs: number;
    /** True for a timer, which calls nothing: a pause of the saga does not hold it. @default false */
    readonly isTimer?: boolean;
  };
  /** The effect of repeating the call. */
  readonly idempotency: CallIdempotency;
  /** The maximum of concurrent calls in one process. */
  readonly concurrency: number;
  /** The quota of its calls and queries. @default none */
  readonly quota?: Quota | undefined;
  /** The waits between runs of attempts. */
  readonly schedule: SlowSchedule;
  /** The milliseconds until a call that was sent is visible to a query. */
  readonly settleMs: number;
  /** True where the outcome of a call can be looked up. */
  readonly canQuery: boolean;
  /** True for work that must succeed: instead of failing, it is retried and shown as stuck. @default false */
  readonly endless?: boolean;
  /** True for the undo of a call: its query says `applied` when the call's effect is not there. @default false */
  readonly isUndo?: boolean;
  /**
   * Selects a row of the work's step, and locks it, in the statement that closes the work. The reactions get it. SQL
   * that finds the row by the columns saga, instance and step of `closed`. @default no row is locked
   */
  readonly lockSql?: string;
  /**
   * True when outcomes that are known at the same time may be recorded by one transaction: the reactions run no code of
   * the application, and wait for nothing but the database. @default false
   */
  readonly grouped?: boolean;
  /** Runs in the transaction that marks the row as stuck. @default nothing */
  readonly stuck?: (tools: HookTools<DB>, input: string, reason: StuckReason) => Promise<void>;
  /**
   * Records that the work waits for longer than its bound; it is retried all the same. False: that was known. @default
   * no bound is watched
   */
  readonly late?: (tools: HookTools<DB>, input: string, late: LateWork) => Promise<boolean>;
  /** The policy that a run has now. */
  readonly policyIn: (shared: Pick<SharedGuards, 'for'>) => Policy;
  /** Checks an intent, and returns its stored form. Throws a ContractError of category data. */
  plan(input: Input): { readonly input: string; readonly idempotencyKey: string | undefined };
  /** Reads a stored intent. Throws when this version of the code cannot read it. */
  revive(stored: { readonly input: string; readonly idempotencyKey: string }): Revived<DB>;
}

/** A call that handlers request, with its reactions: the result of `defineCall(…).onOutcome(…)`. */
export type HandlerCall<DB, Input, Name extends string> = WorkerCall<DB, Input> &
  RequestableCall<DB, Input, Name>;

/** A call and its query, under the guards of a run; results are text. */
export interface CallHandle {
  /** Resolves with the result as text. Rejects as the call did, or with RESULT_UNREADABLE when it does not fit. */
  call(guards: OperationGuards, permit: () => void): Promise<string>;
  query(guards: OperationGuards, permit: () => void): Promise<Found<string>>;
}

export interface Revived<DB> extends CallHandle {
  succeeded(result: string, context: Omit<OutcomeContext<DB, never>, 'input'>): Promise<void>;
  failed(failure: CallFailure, context: Omit<OutcomeContext<DB, never>, 'input'>): Promise<void>;
  /**
   * Runs in a transaction of its own after a reaction was rolled back because it cannot decide yet (SAGA_UNDECIDED).
   */
  undecided?(tx: Transaction<DB>): Promise<void>;
}
