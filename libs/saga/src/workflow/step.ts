import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import type { Call } from '../calls/declare/define-call.ts';
import type { PlannedUndo, CompensationAnswer, Undoing } from '../calls/declare/types.ts';
import type { BoundCall } from '../calls/declare/bind-call.ts';
import { decode, encode } from '../calls/declare/stored.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import type { Transaction } from 'kysely';

export interface LocalContext<DB> {
  /** The transaction that writes the result into the journal: what is written through it happens once. */
  readonly tx: Transaction<DB>;
}

/** A change of the service's own database, in one transaction with its journal entry: never unknown. */
export type LocalStepOptions<DB, In extends StandardSchema, Res extends StandardSchema> = {
  /** The schema of the stored intent. The output must read back unchanged. */
  readonly input: In;
  /** The schema of what is stored as the result, under the same condition. */
  readonly result: Res;
  /** Makes the change, through `tx` alone, and returns the result. */
  readonly apply: (input: InferOutput<In>, context: LocalContext<DB>) => Promise<InferInput<Res>>;
} & (
  | {
      /** Reverts the change, through `tx` alone. It may be asked to revert what is reverted already. */
      readonly compensate: (
        what: Undoing<InferOutput<In>, InferOutput<Res>>,
        context: LocalContext<DB>,
      ) => Promise<CompensationAnswer> | Promise<void>;
      /** Has no place beside `compensate`. @default none */
      readonly irreversible?: undefined;
    }
  /** The reason why the step cannot be undone: an undo of the workflow then waits for an operator. */
  | { readonly irreversible: string; readonly compensate?: undefined }
);

/** A step of the service's own database, as `localStep` declares it. */
export interface WorkflowStep<Input = never, Result = unknown> {
  /** Sets it apart from a call. */
  readonly kind: 'local';
  /** Binds the step to its name in a workflow. For the engine only. */
  bind(name: string): BoundLocalStep;
  /** The types, for the compiler only. Undefined at run time. */
  readonly types?: { readonly input: (input: Input) => void; readonly result: Result };
}

/** A step of a workflow: a call with an undo or the reason for none, or a local change. */
export type AnyWorkflowStep<Input = never, Result = unknown> =
  Call<Input, unknown, Result, 'compensate' | 'irreversible'> | WorkflowStep<Input, Result>;

/** The stored data of a step that is to be undone. */
export interface StoredStep {
  /** The stored input. */
  readonly intent: string;
  /** The idempotency key of the step. */
  readonly key: string;
  readonly result: string;
  /** The reason why it is undone. */
  readonly reason: StoredFailure;
}

/** A call as a step, its types erased: what the engine runs. */
export interface ExternalStep extends BoundCall {
  /** Sets it apart from a local step. */
  readonly kind: 'external';
  readonly planned: PlannedUndo;
}

export interface BoundLocalStep {
  /** Sets it apart from a call. */
  readonly kind: 'local';
  /** The name of the step. */
  readonly name: string;
  /** The planned undo. */
  readonly planned: PlannedUndo;
  /** Checks an input, and returns its stored form. Throws a ContractError of category data. */
  plan(input: unknown): string;
  /** Reads a stored result. Throws when this version of the code cannot. */
  resultOf(text: string): unknown;
  /** Makes the change for a stored input, and returns the stored form of its result. */
  doing(intent: string, tx: Transaction<unknown>): Promise<string>;
  /** Reverts the change of a stored step. */
  undoing(stored: StoredStep, tx: Transaction<unknown>): Promise<CompensationAnswer>;
}

export type BoundStep = ExternalStep | BoundLocalStep;

/**
 * Declares a change of the service's own database as a step of workflows. `apply` and `compensate` each run in the transaction that
 * writes their end into the journal: there is either both or nothing, and no query is needed. So they must write
 * through the transaction that they are given, and nowhere else.
 * @example
 * ```ts
 * import { type LocalContext, localStep } from 'convergekit';
 * import { z } from 'zod';
 * import { order, type ShopDb } from './shop.ts';
 *
 * export const bookOrder = localStep({
 *   input: order,
 *   result: z.object({}),
 *   apply: async (input, { tx }: LocalContext<ShopDb>) => {
 *     await tx.insertInto('orders').values({ ...input, state: 'placed' }).execute();
 *     return {};
 *   },
 *   compensate: async ({ input: { orderId } }, { tx }) => {
 *     await tx.deleteFrom('orders').where('orderId', '=', orderId).execute();
 *   },
 * });
 * ```
 */
export function localStep<DB, In extends StandardSchema, Res extends StandardSchema>(
  options: LocalStepOptions<DB, In, Res>,
): WorkflowStep<InferInput<In>, InferOutput<Res>> {
  const inputSchema = options.input as StandardSchema<unknown, InferOutput<In>>;
  const resultSchema = options.result as StandardSchema<unknown, InferOutput<Res>>;
  // The workflow's database is the service's own: the type of its tables is the step's word.
  const context = (tx: Transaction<unknown>): LocalContext<DB> => ({ tx: tx as Transaction<DB> });
  return Object.freeze({
    kind: 'local',
    bind: (name: string): BoundLocalStep => {
      const inputOf = (text: string) => decode(inputSchema, text, `the stored input of ${name}`);
      const resultOf = (text: string) => decode(resultSchema, text, `the result of ${name}`);
      return {
        kind: 'local',
        name,
        planned:
          options.irreversible === undefined
            ? { kind: 'undo' }
            : { kind: 'irreversible', reason: options.irreversible },
        plan: (input) => encode(inputSchema, input, `the input of ${name}`),
        resultOf,
        doing: async (intent, tx) =>
          encode(resultSchema, await options.apply(inputOf(intent), context(tx)), `the result of ${name}`),
        undoing: async ({ intent, result, reason }, tx) =>
          (await options.compensate?.(
            { input: inputOf(intent), result: resultOf(result), reason },
            context(tx),
          )) ?? 'done',
      };
    },
  });
}
