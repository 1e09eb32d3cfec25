import type { Category } from './failure.ts';

/** How much retrying is paid for by success, as plain data. */
export interface BudgetSettings {
  /** Tokens of a full budget. */
  readonly capacity: number;
  /** Price of a retry after any failure but throttling. */
  readonly transientCost: number;
  /** Price of a retry that the other side asked to come later. */
  readonly throttleCost: number;
  /** What each success pays in. */
  readonly successGain: number;
}

export const defaultBudget: BudgetSettings = Object.freeze({
  capacity: 500,
  transientCost: 14,
  throttleCost: 5,
  successGain: 1,
});

/**
 * Bounds the load that retries add while a dependency fails: each retry takes tokens, each success brings one back. An
 * outage empties the budget after a few dozen retries and every call is tried once from then on. One budget for each
 * dependency, shared by all its callers in the process. Source: the retry quota of the AWS SDKs' standard mode.
 */
export class RetryBudget {
  readonly #settings: BudgetSettings;
  #tokens: number;

  constructor(settings: BudgetSettings = defaultBudget) {
    this.#settings = settings;
    this.#tokens = settings.capacity;
  }

  /** What is left, 0 to 1. */
  get level(): number {
    return this.#tokens / this.#settings.capacity;
  }

  /** Pays for one retry; false when it cannot, and nothing is taken then. */
  take(category: Category): boolean {
    const cost = category === 'throttle' ? this.#settings.throttleCost : this.#settings.transientCost;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  succeed(): void {
    this.#tokens = Math.min(this.#settings.capacity, this.#tokens + this.#settings.successGain);
  }
}
