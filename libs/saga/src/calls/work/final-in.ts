import { type ClaimedWork, COVERED, type OperatorAct, type WorkAttempt } from './work.ts';

/**
 * Pure: the time until "not found" is final, in milliseconds. The database's clock alone does not say it, since that may jump
 * at a failover while the call is on its way: the time must have passed by the workers' clocks as well. `now`: the time of
 * this worker's machine.
 */
export function finalInMs(
  { finalInMs: byDatabase, finalMs, doubt, found, story }: ClaimedWork,
  now: number,
): number {
  if (!doubt) return byDatabase;
  // A call whose worker did not come back may have begun a moment ago.
  const begun = found === 'calling' ? undefined : begunBefore(story);
  const byWorkers = begun === undefined ? finalMs : Date.parse(begun) + finalMs - now;
  return Math.max(byDatabase, byWorkers);
}

/**
 * Returns a time at which each call in doubt had begun: that of the last one, or of the first attempt after it. A call that left
 * no entry was followed by a query, since its row was found `calling`.
 */
function begunBefore(story: readonly (WorkAttempt | OperatorAct)[]): string | undefined {
  const attempts = story.filter((one) => one.op !== 'operator');
  let queriedAt: string | undefined;
  for (const one of attempts.toReversed()) {
    if (mayHaveEffect(one)) return one.at;
    const isCovered = one.failure?.code === COVERED.code;
    // No call begins after this one: the queries look for those before it.
    if (isCovered) queriedAt = undefined;
    else if (one.op === 'query' && one.wait !== undefined) queriedAt = one.at;
    // A call was made after this attempt, and it left no entry where a query follows.
    else if (queriedAt !== undefined) return queriedAt;
  }
  return queriedAt ?? attempts[0]?.at;
}

function mayHaveEffect({ op, failure }: WorkAttempt): boolean {
  return op === 'call' && failure?.certainty !== 'not_applied';
}
