import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import type { Call } from '../calls/declare/define-call.ts';
import type { PlannedUndo, UndoAnswer, Undoing } from '../calls/declare/types.ts';
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
  readonly apply: (input: InferOutput<In>, context: LocalContext<DB>) => Promise<InferInput<Res>>;
} & (
  | {
      readonly compensate: (
        what: Undoing<InferOutput<In>, InferOutput<Res>>,
        context: LocalContext<DB>,
      ) => Promise<UndoAnswer> | Promise<void>;
      readonly irreversible?: undefined;
    }
  /** The reason why the step cannot be undone: an undo of the workflow then waits for an operator. */
  | { readonly irreversible: string; readonly compensate?: undefined }
);

/** A step of the service's own database, as `localStep` declares it. */
export interface LocalStep<Input = never, Result = unknown> {
  readonly kind: 'local';
  bind(name: string): BoundLocalStep;
  /** The types, for the compiler only. */
  readonly types?: { readonly input: (input: Input) => void; readonly result: Result };
}

/** A step of a workflow: a call with an undo or the reason for none, or a local change. */
export type WorkflowStep<Input = never, Result = unknown> =
  Call<Input, unknown, Result, 'compensate' | 'irreversible'> | LocalStep<Input, Result>;

/** The stored data of a step that is to be undone. */
export interface StoredStep {
  readonly intent: string;
  readonly key: string;
  readonly result: string;
  readonly reason: StoredFailure;
}

/** A call as a step, its types erased: what the engine runs. */
export interface ExternalStep extends BoundCall {
  readonly kind: 'external';
  readonly planned: PlannedUndo;
}

export interface BoundLocalStep {
  readonly kind: 'local';
  readonly name: string;
  readonly planned: PlannedUndo;
  /** Checks an input, and returns its stored form. Throws a ContractError of category data. */
  plan(input: unknown): string;
  /** Reads a stored result. Throws when this version of the code cannot. */
  resultOf(text: string): unknown;
  doing(intent: string, tx: Transaction<unknown>): Promise<string>;
  undoing(stored: StoredStep, tx: Transaction<unknown>): Promise<UndoAnswer>;
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
): LocalStep<InferInput<In>, InferOutput<Res>> {
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
