/** The calls that another system allows, over all processes of this database. */
export interface Quota {
  /** The other system, such as `bank`. Calls with a quota of the same name share it. */
  readonly name: string;
  /** The calls per second: first attempts, retries, queries and undos. */
  readonly perSecond: number;
  /** The most calls at once after a pause. */
  readonly burst: number;
}

/** A problem of a quota: the field and the fix. */
export interface QuotaProblem {
  readonly field: string;
  readonly value: unknown;
  readonly fix: string;
}

const MOST_PER_SECOND = 100_000;
const MOST_BURST = 1_000_000;

/** Returns the problem of a declared quota. Pure. */
export function quotaProblem({ name, perSecond, burst }: Quota): QuotaProblem | undefined {
  if (!/^[a-z][a-z0-9_.-]*$/.test(name) || name.length > 110)
    return { field: 'quota.name', value: name, fix: 'use lower-case words, such as bank' };
  if (!(perSecond > 0 && perSecond <= MOST_PER_SECOND))
    return {
      field: 'quota.perSecond',
      value: perSecond,
      fix: `give a rate above 0, up to ${MOST_PER_SECOND}`,
    };
  if (!(Number.isInteger(burst) && burst >= 1 && burst <= MOST_BURST))
    return { field: 'quota.burst', value: burst, fix: `give a whole number from 1 to ${MOST_BURST}` };
  return undefined;
}

/** Returns the time in which one call is earned, in whole microseconds: the database counts in them. Pure. */
export function earnedInUs({ perSecond }: Quota): number {
  return Math.ceil(1_000_000 / perSecond);
}

/**
 * Returns the time for which a taken call may be late, in milliseconds: half a second, or the time of one call if that is longer. A
 * process that was stopped for longer takes another call, so that calls of an old second are not made in a new one. Pure.
 */
export function lateMs(quota: Quota): number {
  return Math.max(500, earnedInUs(quota) / 1_000);
}

/** Returns two quotas of one name with different rates. Pure. */
export function quotaConflict(quotas: Iterable<Quota | undefined>): Quota | undefined {
  const known = new Map<string, Quota>();
  for (const quota of quotas) {
    if (quota === undefined) continue;
    const other = known.get(quota.name) ?? quota;
    if (other.perSecond !== quota.perSecond || other.burst !== quota.burst) return quota;
    known.set(quota.name, quota);
  }
  return undefined;
}

/** Returns the shortest pause between two looks for a quota: no call is lost to the burst, nor each looked for. Pure. */
export function shortestPauseMs(quotas: readonly Quota[], pollMs: number): number {
  return Math.min(pollMs, ...quotas.map((quota) => Math.max(10, (earnedInUs(quota) * quota.burst) / 2_000)));
}
