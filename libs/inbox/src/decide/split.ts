import type { Step } from './plan.ts';

/**
 * Cuts the steps of a slice into parts of one event each, for isolation: what only moves the position goes with the
 * event after it, or at the end with the last one. Pure.
 */
export function splitByWork<DB>(steps: readonly Step<DB>[]): readonly (readonly Step<DB>[])[] {
  const parts: Step<DB>[][] = [];
  let part: Step<DB>[] = [];
  for (const step of steps) {
    part.push(step);
    if (step.kind === 'skip') continue;
    parts.push(part);
    part = [];
  }
  if (part.length === 0) return parts;
  const last = parts.at(-1);
  if (last === undefined) return [part];
  last.push(...part);
  return parts;
}

/** Whether there is more than one event to work, so that isolation would make a difference. Pure. */
export function hasSeveral<DB>(steps: readonly Step<DB>[]): boolean {
  let found = 0;
  for (const { kind } of steps) if (kind !== 'skip' && ++found > 1) return true;
  return false;
}
