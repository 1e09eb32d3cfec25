import type { Load } from './loads.ts';

/** The share of a load at its start that is not counted, while compilers warm up and queues fill. */
const WARM_UP = 0.2;

/** Computes the sagas that ended per second of a closed loop, from the warm-up until no more were placed. */
export function endsPerSecond({ startedMs, stoppedMs, offered }: Load): number {
  const fromMs = startedMs + WARM_UP * (stoppedMs - startedMs);
  const ended = offered.filter(({ endedMs }) => endedMs >= fromMs && endedMs < stoppedMs).length;
  return (ended * 1_000) / (stoppedMs - fromMs);
}

/** Computes the times from the intended start to the end, in milliseconds, without those of the warm-up. */
export function latenciesOf({ startedMs, stoppedMs, offered }: Load): readonly number[] {
  const fromMs = startedMs + WARM_UP * (stoppedMs - startedMs);
  return offered
    .filter(({ intendedMs }) => intendedMs >= fromMs)
    .map(({ intendedMs, endedMs }) => endedMs - intendedMs);
}
