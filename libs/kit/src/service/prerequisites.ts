import { type Clock, ConvergeError, type Random, type Service, systemClock } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import type { Checks } from '@convergekit/config';
import { classify } from '@convergekit/resilience';
import type { Logger } from '@convergekit/telemetry';

/** Something that a service needs before its parts can start. */
export interface Prerequisite {
  /** Its name in checks and in the log, such as `database`. */
  readonly name: string;
  /** Resolves when it is there. */
  readonly check: () => Promise<void>;
}

export interface Prerequisites extends Service {
  /** The checks of /readyz; each is ok from the time it was there. */
  checks(): Checks;
}

export interface PrerequisitesParts {
  readonly needed: readonly Prerequisite[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: Random;
}

const EVERY_MS = 500;
const backoff = { baseMs: EVERY_MS, factor: 2, capMs: 5_000 };

/**
 * Waits for what a service needs, in order. What is down is waited for, logged once for each reason and reported by
 * /readyz; what only a change of settings or code can fix makes `start` reject.
 */
export function prerequisites({ needed, log, ...time }: PrerequisitesParts): Prerequisites {
  const state = new Map<string, Checks[string]>(
    needed.map(({ name }) => [name, { ok: false, detail: 'not asked yet' }]),
  );
  const wait = async ({ name, check }: Prerequisite, stopping: AbortSignal): Promise<void> => {
    const there = new AbortController();
    let reason: string | undefined;
    await poll({
      clock: systemClock,
      ...time,
      everyMs: EVERY_MS,
      backoff,
      signal: AbortSignal.any([stopping, there.signal]),
      run: async () => {
        await check();
        state.set(name, { ok: true });
        if (reason !== undefined) log.info(`${name}: answers now`);
        there.abort();
      },
      onError: (error) => {
        if (!passes(error)) throw error;
        const { message } = classify(error);
        state.set(name, { ok: false, detail: message });
        if (message !== reason) log.warn(`${name}: ${message.replace(/(?<![.?])$/, '.')} Waiting for it.`);
        reason = message;
      },
    });
    if (stopping.aborted) throw stopped(name);
  };
  return {
    ...loopService({
      name: 'prerequisites',
      prepare: async (stopping) => {
        for (const one of needed) await wait(one, stopping);
      },
      run: () => Promise.resolve(),
    }),
    checks: () => Object.fromEntries(state),
  };
}

/** True for failures that end by themselves. */
function passes(error: unknown): boolean {
  const { category, structural } = classify(error);
  return !structural && ['network', 'throttle', 'service', 'contention'].includes(category);
}

function stopped(name: string): ConvergeError {
  return new ConvergeError(`stopped while waiting for the ${name}`, {
    code: 'STOPPED',
    category: 'service',
    certainty: 'not_applied',
  });
}
