import type { Requester } from '@convergekit/inbox/engine';
import type { Executor } from '@convergekit/postgres';
import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import type { WorkerCall, HandlerCall, OutcomeContext, Reactions, Revived } from '../work/worker-call.ts';
import { DOTTED_NAME, invalidIn } from '../../errors.ts';
import { quotaProblem } from '../quota/quota.ts';
import { checkWorkers } from '../work/worker-sql.ts';
import { type BoundCall, bindCall, type DeclaredUndo, usageOf } from './bind-call.ts';
import { requestCall } from './request-call.ts';
import type { CallOptions, UndoCall } from './types.ts';

/** A declared call to another system, for handlers, steps of sagas and steps of workflows. */
export interface Call<
  Input = never,
  Output = unknown,
  Result = unknown,
  Undo extends Undoable = Undoable,
  Name extends string = string,
> {
  /** Sets it apart from a local step. */
  readonly kind: 'call';
  /** The name, for policies, metrics and stored rows. */
  readonly name: Name;
  /**
   * Declares the reactions to the outcome of a handler's call. `.calls` of a consumer takes the result, and so does
   * `context.call` of its handlers.
   */
  onOutcome<DB>(reactions: Reactions<DB, Output, Result>): HandlerCall<DB, Input, Name>;
  /** Binds the call to a use, and its undo to a name, with its types erased. For the engines only. */
  bind(use: string, undoName?: string): BoundCall;
  /** The types, for the compiler only. Undefined at run time. */
  readonly types?: {
    /** What `context.call` and steps take. */
    readonly input: (input: Input) => void;
    /** What the function of the call gets. */
    readonly output: Output;
    /** What the call returns. */
    readonly result: Result;
    /** Whether it can be undone. */
    readonly undo: Undo;
  };
}

export type Undoable = 'compensate' | 'irreversible' | 'none';
/** `Undo` and `Why` have `undefined` where the options lack them. */
type UndoableBy<Undo, Why> = undefined extends Undo
  ? undefined extends Why
    ? 'none'
    : 'irreversible'
  : 'compensate';

/**
 * Declares a call to another system: how it is made, looked up and undone. Throws CALL_INVALID here, at import.
 * @param name stable and dotted, such as `payments.charge`
 * `compensate` is needed by compensatable steps of sagas and by steps of workflows; `irreversible` says why there is none.
 * @example
 * ```ts
 * import { defineCall } from 'convergekit';
 * import { z } from 'zod';
 * import { bank } from './shop.ts';
 *
 * export const charge = defineCall('bank.charge', {
 *   input: z.object({ orderId: z.string(), cents: z.int() }),
 *   result: z.object({ receipt: z.string() }),
 *   idempotency: 'keyed', // the bank drops repeats of the key
 *   call: (order, { idempotencyKey, signal }) => bank.charge(order, idempotencyKey, signal),
 *   compensate: ({ call }, { undoKey }) => bank.refund(call.key, undoKey),
 * });
 * ```
 */
export function defineCall<
  In extends StandardSchema,
  Res extends StandardSchema,
  Undo extends UndoCall<In, Res> | undefined,
  Why extends string | undefined,
  const Name extends string,
>(
  name: Name,
  options: CallOptions<In, Res> & { readonly compensate?: Undo; readonly irreversible?: Why },
): Call<InferInput<In>, InferOutput<In>, InferOutput<Res>, UndoableBy<Undo, Why>, Name> {
  check(name, options);
  return Object.freeze({
    kind: 'call',
    name,
    onOutcome: <DB>(reactions: Reactions<DB, InferOutput<In>, InferOutput<Res>>) =>
      requestable(name, workerCallOf<DB, InferInput<In>>(bindCall(name, name, options), reactions as never)),
    bind: (use: string, undoName?: string) => bindCall(use, name, options, undoName),
  });
}

function check(
  name: string,
  options: Pick<
    CallOptions<StandardSchema, StandardSchema> & DeclaredUndo<StandardSchema, StandardSchema>,
    'settleMs' | 'concurrency' | 'quota' | 'idempotency' | 'policy' | 'irreversible'
  > & { readonly compensate?: unknown },
): void {
  const { settleMs, concurrency, quota, idempotency, policy, compensate, irreversible } = options;
  const invalid = invalidIn('call', name);
  if (!DOTTED_NAME.test(name) || name.length > 110)
    throw invalid('name', name, 'use lower-case words joined by dots, such as payments.charge');
  for (const [field, value] of Object.entries({ settleMs, concurrency })) {
    const least = field === 'concurrency' ? 1 : 0;
    if (value !== undefined && !(Number.isInteger(value) && value >= least))
      throw invalid(field, value, `give a whole number from ${least}`);
  }
  const problem = quota === undefined ? undefined : quotaProblem(quota);
  if (problem !== undefined) throw invalid(problem.field, problem.value, problem.fix);
  if (idempotency === 'none' && policy !== undefined && policy.attempts !== 1)
    throw invalid('policy.attempts', policy.attempts, 'a call that must not be repeated has 1');
  if (compensate !== undefined && irreversible !== undefined)
    throw invalid('irreversible', irreversible, 'leave it out, or leave compensate out');
}

/** Adds what consumers and their handlers need of a call. */
function requestable<DB, Input, Name extends string>(
  name: Name,
  call: WorkerCall<DB, Input>,
): HandlerCall<DB, Input, Name> {
  return Object.freeze({
    ...call,
    name,
    check: (consumer: string, executor: Executor) => checkWorkers(executor, consumer, [name]),
    request: (input: Input, by: Requester<DB>) => requestCall(call, input, by),
  });
}

/** The call of a handler, with its reactions. */
function workerCallOf<DB, Input>(
  call: BoundCall,
  reactions: Reactions<DB, unknown, unknown>,
): WorkerCall<DB, Input> {
  return {
    ...usageOf(call),
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
  };
}
