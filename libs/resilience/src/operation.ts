import type { Bulkhead } from './bulkhead.ts';
import type { CircuitBreaker } from './breaker.ts';
import { ConvergeError, type Failure } from '@convergekit/core';
import { BREAKER_OPEN } from './breaker-state.ts';
import { classify as classifyError } from './classify.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { type AttemptReport, retry, type RetryClock } from './retry.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { SharedGuards } from './shared-guards.ts';

/**
 * idempotent   repeating it changes nothing more
 * keyed        the other side drops repeats by the key that `key` makes of the input
 * compensated  it may happen twice, and `compensation` undoes what is too much
 * none         it must not be repeated: one attempt, and an unknown outcome is for a person
 */
export type Idempotency = 'idempotent' | 'keyed' | 'compensated' | 'none';

type Declared<Input> =
  | { readonly idempotency: 'idempotent' }
  | { readonly idempotency: 'keyed'; readonly key: (input: Input) => string }
  | { readonly idempotency: 'compensated'; readonly compensation: string }
  | { readonly idempotency: 'none' };

export type OperationDefinition<Input, Output> = Declared<Input> & {
  /** Stable, for metrics and policies: `payment.charge`. */
  readonly name: string;
  /**
   * Fixed in code. Leave it out to have the policy of this name from the book of the guards, which configuration
   * changes. @default the book's, else the default policy; `none` has one attempt always
   */
  readonly policy?: Policy;
  /** Answers instead while the breaker is open, so that nothing was called: a cached value, a "later". @default the error */
  readonly fallback?: (input: Input, failure: Failure) => Output | Promise<Output>;
  readonly call: (input: Input, context: OperationContext) => Promise<Output>;
};

export interface OperationContext {
  readonly signal: AbortSignal;
  /** When the signal aborts at the latest: send it along (`deadlineHeaders`), so that the other side stops then too. */
  readonly deadline: Date;
  /** From 1. */
  readonly attempt: number;
  /** What `key` made of the input; undefined unless the operation is keyed. */
  readonly idempotencyKey: string | undefined;
}

/** What stands around the calls of an operation; each part is shared by all callers of one dependency. */
export interface OperationGuards {
  readonly clock: RetryClock;
  readonly random: () => number;
  /** Policies, breakers and budgets of the process, by the operation's name. @default those below, or none */
  readonly shared?: SharedGuards;
  readonly budget?: RetryBudget;
  readonly breaker?: CircuitBreaker;
  readonly bulkhead?: Bulkhead;
  readonly classify?: (error: unknown) => Failure;
  readonly onAttempt?: (report: AttemptReport) => void;
  readonly signal?: AbortSignal;
  /** Until when the caller waits: the handler's `deadline`, or what `readDeadline` found. @default the policy's */
  readonly deadline?: Date | undefined;
}

export interface Operation<Input, Output> {
  readonly name: string;
  readonly idempotency: Idempotency;
  /** What it has without a policy book. */
  readonly policy: Policy;
  /** What becomes of a failure: see `RecoveryPath`. */
  readonly path: RecoveryPath;
  /** Around each attempt, from the outside: deadline, retry, budget, breaker, bulkhead, attempt timeout, call. */
  run(input: Input, guards: OperationGuards): Promise<Output>;
}

/** How an operation recovers: by itself through attempts, by its compensation, or through a person. */
export type RecoveryPath =
  | { readonly kind: 'self_heals' }
  | { readonly kind: 'compensates'; readonly by: string }
  | { readonly kind: 'needs_a_person' };

/** Declares a call to another system. Throws when what is declared cannot be kept: attempts above 1 without idempotency. */
export function operation<Input, Output>(
  definition: OperationDefinition<Input, Output>,
): Operation<Input, Output> {
  const { name, idempotency, call, fallback } = definition;
  const policy = definition.policy ?? (idempotency === 'none' ? once(defaultPolicy) : defaultPolicy);
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
        guarded(() => call(input, { signal, deadline, attempt: number, idempotencyKey }), guards, signal);
      try {
        // No configuration can make repeatable what was declared not to be.
        return await retry(attempt, { ...guards, policy: idempotency === 'none' ? once(chosen) : chosen });
      } catch (error) {
        const failure = (guards.classify ?? classifyError)(error);
        if (fallback === undefined || failure.code !== BREAKER_OPEN) throw error;
        return fallback(input, failure);
      }
    },
  });
}

function once(policy: Policy): Policy {
  return { ...policy, attempts: 1 };
}

function guarded<T>(
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
        ? { kind: 'self_heals' }
        : { kind: 'needs_a_person' };
    case 'compensated':
      return { kind: 'compensates', by: definition.compensation };
    case 'none':
      return { kind: 'needs_a_person' };
  }
}

/** Which operations heal themselves, which are compensated, and which need a person, by name. */
export function recoveryPaths(
  operations: readonly Pick<Operation<never, unknown>, 'name' | 'path'>[],
): ReadonlyMap<string, RecoveryPath> {
  return new Map(
    operations.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, path }) => [name, path]),
  );
}
