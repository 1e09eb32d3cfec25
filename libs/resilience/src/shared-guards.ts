import { type BreakerOptions, CircuitBreaker } from './breaker.ts';
import type { BreakerState } from './breaker-state.ts';
import type { Policy } from './policy.ts';
import type { Policies } from './policy-book.ts';
import { RetryBudget } from './retry-budget.ts';

export interface SharedGuardsOptions extends Pick<BreakerOptions, 'clock' | 'random' | 'classify'> {
  readonly policies: Policies;
  /** Told when a breaker changes its state. @default nobody is told */
  readonly onBreaker?: (operation: string, kind: BreakerState['kind']) => void;
}

export interface Guarded {
  readonly policy: Policy;
  readonly breaker: CircuitBreaker;
  readonly budget: RetryBudget;
}

/**
 * The guards of a process: one breaker and one retry budget for each operation, made at first use. `payment.charge`
 * failing neither opens `payment.refund` nor takes its retries, and a saga's step that calls the carrier does not pay
 * for the one that calls the bank. Make one, and give it to every operation. They follow the policies: changed settings
 * count from the next call on, what was counted stays.
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

  /** Every breaker in use, by operation. */
  get breakers(): ReadonlyMap<string, Pick<CircuitBreaker, 'state'>> {
    return this.#breakers;
  }

  /** Lets no call of an operation through until `restore`: for operators, also before its first call. */
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
