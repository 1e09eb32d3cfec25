import type { Part } from './parts.ts';

/** When a part last passed, and how long it took. */
export interface Passed {
  /** The day, as 2026-11-29. */
  readonly on: string;
  readonly seconds: number;
}

/** A row for each part by its name; one without a row has never passed. */
export type Runs = Readonly<Record<string, Passed>>;

/** A part without a row counts as long as a part may take. */
export const MOST_SECONDS = 900;

export interface Choice {
  /** Parts that the change concerns, as many as fit. */
  readonly touched: readonly Part[];
  /** The part that has not passed for longest. */
  readonly oldest: Part | undefined;
  /** Parts that the change concerns and that do not fit. */
  readonly left: readonly Part[];
}

/**
 * Chooses the parts to run for a change within `seconds`: first the one that has not passed for longest and fits, then
 * those of the changed projects, the quickest first.
 */
export function choose(
  parts: readonly Part[],
  {
    changed,
    runs,
    seconds,
  }: { readonly changed: ReadonlySet<string>; readonly runs: Runs; readonly seconds: number },
): Choice {
  const cost = ({ name }: Part): number => runs[name]?.seconds ?? MOST_SECONDS;
  const concerned = parts
    .filter(({ projects }) => projects.some((project) => changed.has(project)))
    .toSorted((a, b) => cost(a) - cost(b));
  let free = seconds;
  const takes = (part: Part): boolean => {
    if (cost(part) > free) return false;
    free -= cost(part);
    return true;
  };
  const oldest = parts
    .toSorted((a, b) => (runs[a.name]?.on ?? '').localeCompare(runs[b.name]?.on ?? ''))
    .find(takes);
  const touched = concerned.filter((part) => part !== oldest).filter(takes);
  const left = concerned.filter((part) => part !== oldest && !touched.includes(part));
  return { touched, oldest, left };
}
