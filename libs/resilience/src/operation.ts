import type { Bulkhead } from './bulkhead.ts';
import type { CircuitBreaker } from './breaker.ts';
import { type Clock, ConvergeError, type Failure } from '@convergekit/core';
import { BREAKER_OPEN } from './breaker-state.ts';
import { classify as classifyError } from './classify.ts';
import { defaultPolicy, type Policy, withOneAttempt } from './policy.ts';
import { type AttemptReport, retry } from './retry.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { SharedGuards } from './shared-guards.ts';

/**
 * The effect of repeating an operation:
 * idempotent   a repeat changes nothing
 * keyed        the other side drops repeats by the key that `key` derives from the input
 * compensated  it may happen twice, and `compensation` reverts the excess
 * none         it must not be repeated: one attempt in each run of the code around it, and an operator resolves an unknown
 *              outcome. A handler may run several times: request such a call by `context.call`
 */
export type Idempotency = 'idempotent' | 'keyed' | 'compensated' | 'none';

type Declared<Input> =
  | { readonly idempotency: 'idempotent' }
  | { readonly idempotency: 'keyed'; readonly key: (input: Input) => string }
  | { readonly idempotency: 'compensated'; readonly compensation: string }
  | { readonly idempotency: 'none' };

export type OperationDefinition<Input, Output> = {
  /** The effect of repeating the operation: it decides how often it is attempted. */
  readonly idempotency: Idempotency;
  /** A stable name for metrics and policies: `payment.charge`. */
  readonly name: string;
  /**
   * A policy fixed in code. Without it, the policy of this name in the policy book applies, which configuration can
   * change. @default the book's, else the default policy; `none` always has one attempt
   */
  readonly policy?: Policy;
  /** Returns a substitute when the open breaker refused the call: a cached value, a "later". @default the error */
  readonly fallback?: (input: Input, failure: Failure) => Output | Promise<Output>;
  /** Makes one attempt. It must pass `signal` on, and `idempotencyKey` where the operation is keyed. */
  readonly call: (input: Input, context: OperationContext) => Promise<Output>;
} & Declared<Input>;

export interface OperationContext {
  /** Aborts when the attempt's time is over, or the caller has gone. Pass it to `fetch` or a driver. */
  readonly signal: AbortSignal;
  /** The latest time when the signal aborts. Pass it on (`deadlineHeaders`), so that the other side stops then, too. */
  readonly deadline: Date;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** The result of `key`; undefined unless the operation is keyed. */
  readonly idempotencyKey: string | undefined;
}

/** The guards around the calls of an operation, shared by all callers of one dependency. */
export interface OperationGuards {
  /** The clock of waits and time limits: `systemClock`; a test gives a manual one. */
  readonly clock: Clock;
  /** Random numbers from 0 to 1 for jitter: `systemRandom`; a test gives seeded ones. */
  readonly random: () => number;
  /** Policies, breakers and budgets of the process, by operation name. @default those below, or none */
  readonly shared?: SharedGuards;
  /** What retries may cost all callers. @default that of `shared`, or no limit */
  readonly budget?: RetryBudget;
  /** The circuit breaker of the dependency. @default that of `shared`, or none */
  readonly breaker?: CircuitBreaker;
  /** The limit of concurrent calls. @default none */
  readonly bulkhead?: Bulkhead;
  /** Says what an error means. @default the kit's `classify` */
  readonly classify?: (error: unknown) => Failure;
  /** Called after each attempt, for metrics and logs. @default nothing */
  readonly onAttempt?: (report: AttemptReport) => void;
  /** Waits until an attempt may be made, within the given time in milliseconds. @default at once */
  readonly admit?: ((withinMs: number) => Promise<void>) | undefined;
  /** Ends waits and aborts the attempt, such as when the client of a request has gone. @default never */
  readonly signal?: AbortSignal;
  /** The caller's deadline: that of the handler, or the result of `readDeadline`. @default the policy's */
  readonly deadline?: Date | undefined;
}

export interface Operation<Input, Output> {
  /** The name, for metrics and policies. */
  readonly name: string;
  /** The effect of repeating it. */
  readonly idempotency: Idempotency;
  /** The policy that applies without a policy book. */
  readonly policy: Policy;
  /** The handling of a final failure: see `RecoveryPath`. */
  readonly path: RecoveryPath;
  /** Runs the operation. From the outside in: deadline, retry, budget, quota, breaker, bulkhead, attempt timeout, call. */
  run(input: Input, guards: OperationGuards): Promise<Output>;
}

/** The recovery of an operation: by attempts, by its compensation, or by an operator. */
export type RecoveryPath =
  | { readonly kind: 'retries' }
  | { readonly kind: 'compensates'; readonly by: string }
  | { readonly kind: 'needs_a_person' };

/**
 * Declares a call that the caller makes and awaits. Throws for one that declares no idempotency, and for attempts above 1 without it.
 * @example
 * ```ts
 * import { operation } from 'convergekit';
 * import { bank, type Order } from './shop.ts';
 *
 * export const charge = operation({
 *   name: 'payment.charge', // its policy, breaker and budget
 *   idempotency: 'keyed', // the bank drops repeats of the key
 *   key: ({ orderId }: Order) => `charge:${orderId}`,
 *   call: (order, { idempotencyKey = '', signal }) => bank.charge(order, idempotencyKey, signal),
 * });
 * ```
 */
export function operation<Input, Output>(
  definition: OperationDefinition<Input, Output>,
): Operation<Input, Output> {
  const { name, idempotency, call, fallback } = definition;
  const lacks = undeclared(definition);
  if (lacks !== undefined)
    throw new ConvergeError(`operation ${name} ${lacks}: a repeat could take effect twice.`, {
      code: 'OPERATION_NOT_REPEATABLE',
      category: 'configuration',
      certainty: 'not_applied',
    });
  const policy =
    definition.policy ?? (idempotency === 'none' ? withOneAttempt(defaultPolicy) : defaultPolicy);
  if (idempotency === 'none' && policy.attempts !== 1)
    throw new ConvergeError(
      `operation ${name} is declared not idempotent and has ${policy.attempts} attempts: a repeat could take effect twice. Set attempts to 1, or declare it keyed or compensated.`,
      { code: 'OPERATION_NOT_REPEATABLE', category: 'configuration', certainty: 'not_applied' },
    );
  return Object.freeze({
    name,
    idempotency,
    policy,
    path: pathOf(definition),
    run: async (input: Input, given: OperationGuards) => {
      const shared = given.shared?.for(name);
      const guards = { ...shared, ...given };
      const chosen = definition.policy ?? shared?.policy ?? policy;
      const idempotencyKey = definition.idempotency === 'keyed' ? definition.key(input) : undefined;
      const attempt = (number: number, signal: AbortSignal, deadline: Date): Promise<Output> =>
        callWithGuards(
          () => call(input, { signal, deadline, attempt: number, idempotencyKey }),
          guards,
          signal,
        );
      try {
        // Configuration cannot make an operation repeatable that is declared not to be.
        return await retry(attempt, {
          ...guards,
          policy: idempotency === 'none' ? withOneAttempt(chosen) : chosen,
        });
      } catch (error) {
        const failure = (guards.classify ?? classifyError)(error);
        if (fallback === undefined || failure.code !== BREAKER_OPEN) throw error;
        return fallback(input, failure);
      }
    },
  });
}

/** What a declaration lacks where no compiler has seen it; undefined: nothing. Pure. */
function undeclared(
  definition: Partial<Record<'idempotency' | 'key' | 'compensation', unknown>>,
): string | undefined {
  const { idempotency, key, compensation } = definition;
  switch (idempotency) {
    case 'idempotent':
    case 'none':
      return undefined;
    case 'keyed':
      return typeof key === 'function' ? undefined : 'is keyed and has no key. Give it `key`';
    case 'compensated':
      return typeof compensation === 'string'
        ? undefined
        : 'is compensated and does not name by what. Give it `compensation`';
    default:
      return 'does not declare its idempotency. Declare it idempotent, keyed, compensated or none';
  }
}

function callWithGuards<T>(
  call: () => Promise<T>,
  { breaker, bulkhead }: OperationGuards,
  signal: AbortSignal,
): Promise<T> {
  const inBulkhead = bulkhead === undefined ? call : () => bulkhead.run(call, signal);
  return breaker === undefined ? inBulkhead() : breaker.run(inBulkhead);
}

function pathOf(definition: Declared<never> & { readonly policy?: Policy }): RecoveryPath {
  switch (definition.idempotency) {
    case 'idempotent':
    case 'keyed':
      return (definition.policy ?? defaultPolicy).attempts !== 1
        ? { kind: 'retries' }
        : { kind: 'needs_a_person' };
    case 'compensated':
      return { kind: 'compensates', by: definition.compensation };
    case 'none':
      return { kind: 'needs_a_person' };
  }
}
