import type { Category } from '@convergekit/core';
import { strategies } from './strategy.ts';

/** The size of a retry budget, as plain data. */
export interface BudgetSettings {
  /** Tokens of a full budget; `unbounded`: retries are free. */
  readonly capacity: number | 'unbounded';
}

export const defaultBudget: BudgetSettings = Object.freeze({ capacity: 500 });

/** The tokens that a retry costs: after throttling, and after any other failure that is retried. A success refunds one. */
export const RETRY_COSTS = { transient: 14, throttle: 5, nothing: 0 } as const;

/**
 * Bounds the load that retries add while a dependency fails.
 * Each retry takes tokens, each success refunds one. An outage empties the budget after a few dozen retries; from then on
 * every call makes one attempt. There is one budget per operation, shared by its callers in the process. Source: the
 * retry quota of the AWS SDKs' standard mode.
 */
export class RetryBudget {
  #settings: BudgetSettings;
  #tokens: number;

  constructor(settings: BudgetSettings = defaultBudget) {
    this.#settings = settings;
    this.#tokens = fullOf(settings);
  }

  /** The remaining share of a full budget, 0 to 1. */
  get level(): number {
    const full = fullOf(this.#settings);
    return full === 0 ? 0 : Number.isFinite(full) ? this.#tokens / full : 1;
  }

  /** Pays for one retry; returns false, and takes nothing, when tokens are missing. */
  take(category: Category): boolean {
    const cost = RETRY_COSTS[strategies[category].price];
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  succeed(): void {
    this.#tokens = Math.min(fullOf(this.#settings), this.#tokens + 1);
  }

  /** Applies new settings and keeps the remaining share of a full budget. */
  configure(settings: BudgetSettings): void {
    if (settings === this.#settings) return;
    const full = fullOf(settings);
    this.#tokens = Number.isFinite(full) ? this.level * full : full;
    this.#settings = settings;
  }
}

function fullOf({ capacity }: BudgetSettings): number {
  return capacity === 'unbounded' ? Number.POSITIVE_INFINITY : capacity;
}
