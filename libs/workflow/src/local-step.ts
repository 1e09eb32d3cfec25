import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts';
import type { Transaction } from 'kysely';
import { decode, encode } from '@convergekit/effects/engine';
import type { LocalContext, LocalStep, LocalStepOptions, StackStep } from './step.ts';

/**
 * Declares a change of the service's own database as a step of stacks. `do` and `undo` each run in the transaction that
 * writes their end into the journal: there is either both or nothing, and nobody needs to ask. So they must write
 * through the transaction that they are given, and nowhere else.
 */
export function localStep<DB, In extends StandardSchema, Res extends StandardSchema>(
  options: LocalStepOptions<DB, In, Res>,
): StackStep<InferInput<In>, InferOutput<Res>> {
  const intentSchema = options.intent as StandardSchema<unknown, InferOutput<In>>;
  const resultSchema = options.result as StandardSchema<unknown, InferOutput<Res>>;
  // The stack's database is the service's own: the type of its tables is the step's word.
  const context = (tx: Transaction<unknown>): LocalContext<DB> => ({ tx: tx as Transaction<DB> });
  return Object.freeze({
    bind: (name: string): LocalStep => {
      const intentOf = (text: string) => decode(intentSchema, text, `the stored intent of ${name}`);
      const resultOf = (text: string) => decode(resultSchema, text, `the result of ${name}`);
      return {
        kind: 'local',
        name,
        planned:
          options.irreversible === undefined
            ? { kind: 'undo' }
            : { kind: 'irreversible', reason: options.irreversible },
        plan: (intent) => encode(intentSchema, intent, `the intent of ${name}`),
        resultOf,
        doing: async (intent, tx) =>
          encode(resultSchema, await options.do(intentOf(intent), context(tx)), `the result of ${name}`),
        undoing: async ({ intent, result, reason }, tx) =>
          (await options.undo?.(
            { intent: intentOf(intent), result: resultOf(result), reason },
            context(tx),
          )) ?? 'done',
      };
    },
  });
}
