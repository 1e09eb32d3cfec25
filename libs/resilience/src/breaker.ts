import {
  admit,
  BREAKER_OPEN,
  type BreakerSettings,
  type BreakerState,
  closedBreaker,
  defaultBreaker,
  type CallOutcome,
  recordResult,
  roomOf,
} from './breaker-state.ts';
import { classify as classifyError } from './classify.ts';
import { ConvergeError, type Failure } from '@convergekit/core';
import { outcomeForBreaker } from './strategy.ts';

export interface BreakerOptions {
  /** The operation's name in errors and metrics: `payment.charge`. */
  readonly name: string;
  readonly settings?: BreakerSettings;
  /** The clock by which windows and waits are measured. */
  readonly clock: { monotonic(): number };
  /** Random numbers from 0 to 1, for the jitter of the waits. */
  readonly random: () => number;
  /** Says what an error means: whether it counts against the other side. @default the package's `classify` */
  readonly classify?: (error: unknown) => Failure;
  readonly onChange?: (kind: BreakerState['kind']) => void;
}

/** Rejects calls of a failing operation for a while. One per operation and process, shared by its callers. */
export class CircuitBreaker {
  readonly name: string;
  readonly #options: BreakerOptions;
  #settings: BreakerSettings;
  #state: BreakerState = closedBreaker;

  constructor(options: BreakerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#settings = options.settings ?? defaultBreaker;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** The number of calls that it would admit now; Infinity while it is closed. */
  get room(): number {
    return roomOf(this.#state, this.#options.clock.monotonic());
  }

  /** Calls `fn` if the breaker admits it; otherwise rejects with code BREAKER_OPEN and `retryAfterMs`. */
  async run<T>(fn: () => Promise<T>): Promise<T> {
    const { clock, random, classify = classifyError } = this.#options;
    const begun = clock.monotonic();
    const admission = admit(this.#state, { now: begun, random, settings: this.#settings });
    this.#become(admission.state);
    if (!admission.admitted) throw openError(this.name, this.#state, admission.retryAfterMs);
    const { probe } = admission;
    let outcome: CallOutcome = 'succeeded';
    try {
      return await fn();
    } catch (error) {
      outcome = outcomeForBreaker(classify(error));
      throw error;
    } finally {
      const now = clock.monotonic();
      const result = { probe, outcome, durationMs: now - begun };
      this.#become(recordResult(this.#state, result, { now, random, settings: this.#settings }));
    }
  }

  /** Applies new settings from the next call on. State and counts are kept. */
  configure(settings: BreakerSettings): void {
    this.#settings = settings;
  }

  /** Rejects every call until `restore`. For operators. */
  isolate(): void {
    this.#become({ kind: 'isolated' });
  }

  /** Closes the breaker and resets the counts. */
  restore(): void {
    this.#become(closedBreaker);
  }

  #become(state: BreakerState): void {
    const changed = state.kind !== this.#state.kind;
    this.#state = state;
    if (changed) this.#options.onChange?.(state.kind);
  }
}

function openError(name: string, state: BreakerState, retryAfterMs: number): ConvergeError {
  const why =
    state.kind === 'isolated'
      ? 'an operator has isolated it; restore it when calls may go through again'
      : `it failed too often; the next call may go through in ${Math.ceil(retryAfterMs)} ms`;
  return new ConvergeError(`${name} was not called: ${why}`, {
    code: BREAKER_OPEN,
    category: 'service',
    certainty: 'not_applied',
    retryAfterMs,
  });
}
