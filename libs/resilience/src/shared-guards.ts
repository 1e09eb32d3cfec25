import { type BreakerOptions, CircuitBreaker } from './breaker.ts';
import type { BreakerState } from './breaker-state.ts';
import type { Policy } from './policy.ts';
import type { Policies } from './policy-book.ts';
import { RetryBudget } from './retry-budget.ts';

export interface SharedGuardsOptions extends Pick<BreakerOptions, 'clock' | 'random' | 'classify'> {
  /** The policies by operation name: a `policyBook`, or `livePolicies` of the central table. */
  readonly policies: Policies;
  /** Called when the state of a breaker changes. @default none */
  readonly onBreaker?: (operation: string, kind: BreakerState['kind']) => void;
}

export interface Guarded {
  readonly policy: Policy;
  readonly breaker: CircuitBreaker;
  readonly budget: RetryBudget;
}

/**
 * The guards of a process: one breaker and one retry budget per operation, created at first use.
 * A failing `payment.charge` neither opens the breaker of `payment.refund` nor takes its retries, and a saga step that
 * calls the carrier does not pay for the one that calls the bank. Create one instance and pass it to every operation.
 * Guards follow the policies: changed settings apply from the next call on, counts are kept.
 * @example
 * ```ts
 * import { operation, systemClock, systemRandom } from 'convergekit';
 * import { policyBook, SharedGuards } from 'convergekit/process';
 *
 * const time = { clock: systemClock, random: systemRandom };
 * const shared = new SharedGuards({ ...time, policies: policyBook({ 'rates.read': { attempts: 2 } }) });
 * const rates = operation({ name: 'rates.read', idempotency: 'idempotent', call: (url: string) => fetch(url) });
 * const answer = await rates.run('https://rates.example', { ...time, shared });
 * ```
 */
export class SharedGuards {
  readonly #options: SharedGuardsOptions;
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(options: SharedGuardsOptions) {
    this.#options = options;
  }

  for(operation: string): Guarded {
    const policy = this.#options.policies.for(operation);
    return { policy, breaker: this.#breaker(operation, policy), budget: this.#budget(operation, policy) };
  }

  /** The breakers in use, by operation. */
  get breakers(): ReadonlyMap<string, Pick<CircuitBreaker, 'state' | 'room'>> {
    return this.#breakers;
  }

  /** Rejects every call of an operation until `restore`, even before its first call. For operators. */
  isolate(operation: string): void {
    this.for(operation).breaker.isolate();
  }

  restore(operation: string): void {
    this.for(operation).breaker.restore();
  }

  #breaker(operation: string, { breaker: settings }: Policy): CircuitBreaker {
    const known = this.#breakers.get(operation);
    if (known !== undefined) {
      known.configure(settings);
      return known;
    }
    const { clock, random, classify, onBreaker } = this.#options;
    const made = new CircuitBreaker({
      name: operation,
      settings,
      clock,
      random,
      ...(classify && { classify }),
      onChange: (kind) => onBreaker?.(operation, kind),
    });
    this.#breakers.set(operation, made);
    return made;
  }

  #budget(operation: string, { budget: settings }: Policy): RetryBudget {
    const known = this.#budgets.get(operation) ?? new RetryBudget(settings);
    known.configure(settings);
    this.#budgets.set(operation, known);
    return known;
  }
}
