import { slowWait } from '@convergekit/resilience/engine';
import type { SlowSchedule } from '@convergekit/resilience';
import type { Random } from '@convergekit/core';
import type { ClaimedWork, OperatorAct, WorkAttempt } from '../work/work.ts';

/** The code of an attempt that ended before it began: the process could not read the intent. */
export const INTENT_UNREADABLE = 'INTENT_UNREADABLE';

/** The longest wait of a usual limit, so that another process that may be able to read the intent gets it soon. In milliseconds. */
const LONGEST_WAIT_MS = 30_000;
/** A longer limit has longer waits: the row of the work remembers its last fifty attempts. */
const WAITS = 30;

type Attempts = readonly (WorkAttempt | OperatorAct)[];

/**
 * Returns the wait after an attempt of a process that cannot read an intent (pure). It is undefined once such waits come to
 * `withinMs`: the attempts were made by processes whose clocks may differ. Another process may be able to read the intent while
 * versions are deployed.
 */
export function waitForReader(
  { story }: Pick<ClaimedWork, 'story'>,
  { schedule, withinMs, now, random }: WaitRules,
): WorkAttempt | undefined {
  const tail = unreadableTail(story);
  const waitedMs = tail.reduce((sum, one) => sum + waitOf(one), 0);
  if (waitedMs >= withinMs) return undefined;
  const wait = slowWait(schedule, { attempt: tail.length + 1, random });
  const within = (ms: number): number => Math.min(ms, Math.max(LONGEST_WAIT_MS, Math.ceil(withinMs / WAITS)));
  const message = 'this process does not understand the intent: one that does may be deployed already';
  return {
    at: new Date(now).toISOString(),
    op: 'call',
    durationMs: 0,
    failure: { category: 'service', certainty: 'not_applied', code: INTENT_UNREADABLE, message },
    wait: { ...wait, computedMs: within(wait.computedMs), capMs: within(wait.capMs) },
  };
}

export interface WaitRules {
  readonly schedule: SlowSchedule;
  readonly withinMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly random: Random;
}

const waitOf = (one: Attempts[number]): number => (one.op === 'operator' ? 0 : (one.wait?.computedMs ?? 0));

/** Returns the last attempts, as far as all of them were unreadable. */
function unreadableTail(attempts: Attempts): Attempts {
  const other = attempts.findLastIndex(
    (one) => one.op === 'operator' || one.failure?.code !== INTENT_UNREADABLE,
  );
  return attempts.slice(other + 1);
}
