import type { Category } from '@convergekit/core';
import { strategies } from './strategy.ts';

/** How much retrying is paid for by success, as plain data. */
export interface BudgetSettings {
  /** Tokens of a full budget; `unbounded`: retries are free. */
  readonly capacity: number | 'unbounded';
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
 * operation, shared by all its callers in the process. Source: the retry quota of the AWS SDKs' standard mode.
 */
export class RetryBudget {
  #settings: BudgetSettings;
  #tokens: number;

  constructor(settings: BudgetSettings = defaultBudget) {
    this.#settings = settings;
    this.#tokens = fullOf(settings);
  }

  /** What is left, 0 to 1. */
  get level(): number {
    const full = fullOf(this.#settings);
    return full === 0 ? 0 : Number.isFinite(full) ? this.#tokens / full : 1;
  }

  /** Pays for one retry; false when it cannot, and nothing is taken then. */
  take(category: Category): boolean {
    const cost = this.#costOf(category);
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  succeed(): void {
    this.#tokens = Math.min(fullOf(this.#settings), this.#tokens + this.#settings.successGain);
  }

  /** Other prices from now on; what is left stays the same share of a full budget. */
  configure(settings: BudgetSettings): void {
    if (settings === this.#settings) return;
    const full = fullOf(settings);
    this.#tokens = Number.isFinite(full) ? this.level * full : full;
    this.#settings = settings;
  }

  #costOf(category: Category): number {
    const { price } = strategies[category];
    switch (price) {
      case 'transient':
        return this.#settings.transientCost;
      case 'throttle':
        return this.#settings.throttleCost;
      case 'nothing':
        return 0;
    }
  }
}

function fullOf({ capacity }: BudgetSettings): number {
  return capacity === 'unbounded' ? Number.POSITIVE_INFINITY : capacity;
}
