import type { Part, Targets } from './types.ts';

/** Joins what the parts give: lists are added, of anything else the first counts. */
export function targetsOf(parts: readonly Pick<Part, 'targets'>[]): Targets {
  const all: Record<string, unknown> = { processes: [], sources: [], links: [], exposed: [], topics: [] };
  for (const { targets } of parts)
    for (const [name, value] of Object.entries(targets))
      all[name] = Array.isArray(value)
        ? [...((all[name] as unknown[] | undefined) ?? []), ...(value as unknown[])]
        : (all[name] ?? value);
  return all as unknown as Targets;
}

/** True when no workload gives this target. */
export function isEmpty(target: unknown): boolean {
  return target === undefined || (Array.isArray(target) && target.length === 0);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
