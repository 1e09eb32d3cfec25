import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import { decode, encode } from '../effects/call/stored.ts';
import type { Transaction } from 'kysely';
import type { BoundLocalStep, LocalContext, LocalStep, LocalStepOptions } from './step.ts';

/**
 * Declares a change of the service's own database as a step of workflows. `do` and `undo` each run in the transaction that
 * writes their end into the journal: there is either both or nothing, and no query is needed. So they must write
 * through the transaction that they are given, and nowhere else.
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
          encode(resultSchema, await options.do(inputOf(intent), context(tx)), `the result of ${name}`),
        undoing: async ({ intent, result, reason }, tx) =>
          (await options.undo?.({ input: inputOf(intent), result: resultOf(result), reason }, context(tx))) ??
          'done',
      };
    },
  });
}
