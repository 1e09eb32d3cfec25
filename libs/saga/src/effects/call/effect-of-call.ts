import type { Effect, OutcomeContext, Reactions, Revived } from '../effect/types.ts';
import type { BoundCall } from './bind-call.ts';

/** The effect of a handler's call. */
export function effectOfCall<DB, Input>(
  call: BoundCall,
  reactions: Reactions<DB, unknown, unknown>,
): Effect<DB, Input> {
  const { name, call: callName, idempotency, concurrency, quota, schedule } = call;
  const { settleMs, canQuery, policyIn } = call;
  return Object.freeze({
    ...{ name, call: callName, idempotency, concurrency, quota, schedule, settleMs, canQuery, policyIn },
    plan: (wanted: Input) => {
      const input = call.plan(wanted);
      return { input, idempotencyKey: call.keyOf(call.inputOf(input)) };
    },
    revive: ({ input: text, idempotencyKey }: { input: string; idempotencyKey: string }): Revived<DB> => {
      const input = call.inputOf(text);
      const withInput = (context: Omit<OutcomeContext<DB, never>, 'input'>) => ({ ...context, input });
      return {
        ...call.handleOf({ input: () => input, key: () => idempotencyKey }),
        succeeded: async (result, context) =>
          await reactions.succeeded(call.resultOf(result), withInput(context)),
        failed: async (failure, context) => await reactions.failed(failure, withInput(context)),
      };
    },
  });
}
