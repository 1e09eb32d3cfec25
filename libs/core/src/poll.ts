import { type Backoff, delayMs } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { ConvergeError } from './failure.ts';
import { type Random, systemRandom } from './random.ts';

/** The reason that ends a sleep. Without one, each abort makes a DOMException with its stack. */
const WOKEN = 'woken';

/** A request to run now. Requests coalesce: any number of them before a run cause one run. */
export class Wake {
  #requested = false;
  #sleeping: AbortController | undefined;

  notify(): void {
    this.#requested = true;
    this.#sleeping?.abort(WOKEN);
  }

  /**
   * Sleeps until a request, the abort of the signal, or the end of `ms` milliseconds. A request made before the sleep
   * counts. One sleeper at a time.
   */
  async sleep(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
    if (ms > 0 && !this.#requested && signal?.aborted !== true) {
      const sleeping = new AbortController();
      const end = (): void => sleeping.abort(WOKEN);
      signal?.addEventListener('abort', end);
      this.#sleeping = sleeping;
      await clock.sleep(ms, sleeping.signal);
      this.#sleeping = undefined;
      signal?.removeEventListener('abort', end);
    }
    this.#requested = false;
  }
}

/** The answer of a run: when the next run is due. */
export interface NextRun {
  /** The delay until the next run, in milliseconds, if shorter than the rest of the period; 0 = at once. */
  readonly afterMs: number;
}

export interface PollOptions {
  /** The period from one run to the next, in milliseconds: 1 to 2^31 - 1. */
  readonly everyMs: number;
  /** Ends the loop. A run that is under way is awaited. */
  readonly signal: AbortSignal;
  /** Runs are never concurrent. */
  readonly run: () => Promise<void> | Promise<NextRun | undefined>;
  /** Receives what a run rejected with, except after the stop. If it throws, the loop ends with that error. */
  readonly onError: (error: unknown) => void;
  /** Requests a run before the period ends. It does not shorten a backoff. @default none */
  readonly wake?: Wake;
  /** False: the first run is due after the first period. @default true */
  readonly immediately?: boolean;
  /** The delays after consecutive failed runs. @default from one period, doubled up to 30 s or the period */
  readonly backoff?: Backoff;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: Random;
}

/** The tolerance for early timers, in milliseconds: within it, a period counts as over. */
const EARLY_MS = 1;

/**
 * Repeats `run` every `everyMs` until the signal aborts, and resolves when the last run ended.
 * The periods are a fixed grid, so the time that runs take does not shift them; a period that passes during a run is
 * skipped. The first period is shortened at random by up to a half, so that processes started together do not run together.
 */
export async function poll(options: PollOptions): Promise<void> {
  const { everyMs, signal, run, onError, clock = systemClock, random = systemRandom } = options;
  requirePeriod(everyMs);
  const { wake = new Wake(), backoff = { baseMs: everyMs, factor: 2, capMs: Math.max(everyMs, 30_000) } } =
    options;
  let periodEnd = clock.monotonic() + everyMs * (1 - random() / 2);
  if (options.immediately === false) await wake.sleep(periodEnd - clock.monotonic(), clock, signal);
  for (let failures = 0; !isOver(signal);) {
    try {
      const next = await run();
      failures = 0;
      const now = clock.monotonic();
      periodEnd = afterNow(periodEnd, everyMs, now);
      await wake.sleep(Math.min(periodEnd - now, next?.afterMs ?? Infinity), clock, signal);
    } catch (error) {
      if (isOver(signal)) return;
      onError(error);
      failures += 1;
      await clock.sleep(delayMs(backoff, failures, random), signal);
      await wake.sleep(0, clock); // the next run serves the requests of the meantime
    }
  }
}

/** Reads `aborted` after every wait: the compiler would assume that a signal checked once stays unchanged. */
function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}

/** Computes the first end of a period that is still to come. */
function afterNow(periodEnd: number, everyMs: number, now: number): number {
  const passed = Math.floor((now + EARLY_MS - periodEnd) / everyMs) + 1;
  return passed > 0 ? periodEnd + passed * everyMs : periodEnd;
}

function requirePeriod(everyMs: number): void {
  if (everyMs >= 1 && everyMs < 2 ** 31) return;
  throw new ConvergeError(`a loop cannot run every ${everyMs} ms: give a period from 1 to 2147483647 ms`, {
    code: 'CONFIG_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
