import type { Part } from './parts.ts';

/** When a part last passed, as 2026-11-29, and how long it took, by its name; one without a row has never passed. */
export type Runs = Readonly<Record<string, { readonly on: string; readonly seconds: number }>>;

/** A part without a row counts as long as a part may take. */
export const MOST_SECONDS = 900;

/**
 * Chooses the parts to run for a change within `seconds`: first the one that has not passed for longest and fits, then
 * those of the changed projects, the quickest first.
 */
export function choose(
  parts: readonly Part[],
  change: { readonly changed: ReadonlySet<string>; readonly runs: Runs; readonly seconds: number },
) {
  const { changed, runs, seconds } = change;
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
  /** The part that has not passed for longest. */
  const oldest = parts
    .toSorted((a, b) => (runs[a.name]?.on ?? '').localeCompare(runs[b.name]?.on ?? ''))
    .find(takes);
  /** Parts that the change concerns, as many as fit. */
  const touched = concerned.filter((part) => part !== oldest).filter(takes);
  /** Parts that the change concerns and that do not fit. */
  const left = concerned.filter((part) => part !== oldest && !touched.includes(part));
  return { touched, oldest, left };
}
