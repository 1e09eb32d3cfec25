import type { Failure, Random } from '@convergekit/core';
import { clean } from '@convergekit/inbox/engine';
import { BREAKER_OPEN, nextSlowAttempt, slowWait } from '@convergekit/resilience/engine';
import type { WorkerCall } from './worker-call.ts';
import { QUOTA_USED_UP } from '../quota/admission.ts';
import {
  type ClaimedWork,
  type Op,
  type StoredFailure,
  type StuckReason,
  type WorkWait,
  COVERED,
  type OperatorAct,
  type WorkAttempt,
} from './work.ts';

/** The answer of a call or a query. */
export type Answer =
  | { readonly kind: 'applied'; readonly result: string }
  /** A declared "no", certain and final. */
  | { readonly kind: 'rejected'; readonly failure: StoredFailure }
  /** The other side has not seen the call; only a query gives this answer. */
  | { readonly kind: 'not_found' }
  /** `made` is false when nothing left this process: the breaker or the bulkhead refused, or the worker stops. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly made: boolean };

/** The decision about the row. `again` leaves the row open in the given state, due after the wait. */
export type Next =
  | { readonly kind: 'succeed'; readonly result: string }
  | { readonly kind: 'fail'; readonly failure: StoredFailure }
  | { readonly kind: 'again'; readonly state: 'ready' | 'unknown'; readonly wait?: WorkWait }
  | { readonly kind: 'stuck'; readonly reason: StuckReason };

/** The properties of a call that the decisions need. */
export type Rules = Pick<WorkerCall<never>, 'idempotency' | 'canQuery' | 'schedule' | 'endless' | 'isUndo'>;
export type Tried = Pick<
  ClaimedWork,
  'found' | 'attempts' | 'queries' | 'ageMs' | 'finalInMs' | 'doubt' | 'covered'
>;

/**
 * Pure: what is done with a claimed row. A call whose step is to be undone does not begin: `drop` where none may have
 * happened, and `doubt` where an earlier one may have, whose outcome is then asked for as any unknown one.
 */
export function nextTurn(
  { found, covered, doubt }: Pick<Tried, 'found' | 'covered' | 'doubt'>,
  rules: Pick<Rules, 'idempotency' | 'canQuery'>,
): Op | 'drop' | 'doubt' | 'stuck' {
  if (found === 'ready' && covered) return doubt ? 'doubt' : 'drop';
  return nextOp(found, rules);
}

/** Pure: the operation for a row. An unknown outcome is queried before a call is repeated. */
export function nextOp(found: Tried['found'], rules: Pick<Rules, 'idempotency' | 'canQuery'>): Op | 'stuck' {
  switch (found) {
    case 'ready':
      return 'call';
    case 'answered':
      return 'settle';
    case 'calling': // the worker did not come back: the call may have been made
    case 'unknown':
      if (rules.canQuery) return 'query';
      return repeatable(rules) ? 'call' : 'stuck';
  }
}

/** Pure: what follows an answer. `op` was chosen by `nextOp`. */
export function decide(
  op: Exclude<Op, 'settle'>,
  answer: Answer,
  tried: Tried,
  rules: Rules,
  random: Random,
): Next {
  const of = { tried, rules, random };
  const next = decideOnce(op, answer, of);
  if (next.kind !== 'fail' || rules.endless !== true) return next;
  return { kind: 'again', state: 'ready', wait: patience(of) };
}

/** What a decision depends on besides the answer. */
interface Deciding {
  readonly tried: Tried;
  readonly rules: Rules;
  readonly random: Random;
}

function decideOnce(op: Exclude<Op, 'settle'>, answer: Answer, of: Deciding): Next {
  const { tried, rules } = of;
  // That a call's effect is not there proves its undo once the call is visible for certain, whatever the undo means then.
  if (op === 'query' && rules.isUndo === true && tried.finalInMs > 0 && tookEffect(answer))
    return untilFinal(tried);
  switch (answer.kind) {
    case 'applied':
      return { kind: 'succeed', result: answer.result };
    case 'rejected':
      // The refusal of a repeat may concern the repeat alone, unless the other side honours the key.
      return op === 'call' && (tried.found !== 'ready' || tried.doubt) && rules.idempotency !== 'keyed'
        ? uncertain(of)
        : { kind: 'fail', failure: answer.failure };
    case 'not_found':
      return afterNotFound(tried, rules);
    case 'failed':
      return op === 'query' ? afterFailedQuery(answer, of) : afterFailedCall(answer, of);
  }
}

/** True also where what the answer means cannot be made of it. */
function tookEffect(answer: Answer): boolean {
  return answer.kind === 'applied' || (answer.kind === 'failed' && answer.failure.certainty === 'applied');
}

/** Pure: what is known of the calls before, once this attempt has ended: see `final_at`. */
export function doubtAfter(op: Op, next: Next, { finalInMs }: Tried): 'kept' | 'as_before' | 'cleared' {
  if (next.kind !== 'again' || next.state !== 'ready') return 'kept';
  if (op === 'call') return 'as_before';
  return finalInMs <= 0 ? 'cleared' : 'kept';
}

function afterNotFound({ ageMs, finalInMs, covered }: Tried, rules: Rules): Next {
  const final = finalInMs <= 0;
  const over = ageMs >= rules.schedule.withinMs;
  if (over && final) return { kind: 'fail', failure: gaveUp('the other side has never seen the call') };
  // A repeat under the same key cannot double a call that is still on its way; a repeat without a key could. One that is
  // to be undone is not repeated: when "not found" is final, nothing is left to do.
  if (final || (repeatable(rules) && !over && !covered)) return { kind: 'again', state: 'ready' };
  return untilFinal({ finalInMs });
}

function untilFinal({ finalInMs }: Pick<Tried, 'finalInMs'>): Next {
  const computedMs = Math.ceil(finalInMs);
  return { kind: 'again', state: 'unknown', wait: { computedMs, capMs: computedMs, rule: 'not_final' } };
}

type Failed = Extract<Answer, { kind: 'failed' }>;

function afterFailedQuery(answer: Failed, of: Deciding): Next {
  if (answer.failure.certainty === 'applied') return { kind: 'stuck', reason: 'result_lost' };
  return { kind: 'again', state: 'unknown', wait: patience(of, answer) };
}

function afterFailedCall(answer: Failed, of: Deciding): Next {
  const { failure, made } = answer;
  const { tried, rules } = of;
  // The result of a repeat says nothing about the earlier call.
  const state = tried.found === 'ready' ? 'ready' : 'unknown';
  const wait = patience(of, answer);
  if (!made) return { kind: 'again', state, wait };
  switch (failure.certainty) {
    case 'unknown':
      return uncertain(of);
    case 'applied':
      return rules.canQuery
        ? { kind: 'again', state: 'unknown', wait }
        : { kind: 'stuck', reason: 'result_lost' };
    case 'not_applied':
      if (state === 'unknown') return uncertain(of);
      if (mayTry(failure, of)) return { kind: 'again', state, wait };
      // An earlier call was repeated because it was not found, and may still arrive: the failure counts only after
      // that.
      if (tried.doubt) return { kind: 'again', state: 'unknown', wait };
      return { kind: 'fail', failure: isRefusal(failure) ? stored(failure) : gaveUp(failure.message) };
  }
}

function mayTry(failure: Failure, { tried, rules, random }: Deciding): boolean {
  if (isRefusal(failure)) return false;
  const asked = { attempt: attemptOf(tried), elapsedMs: tried.ageMs, random };
  return nextSlowAttempt(rules.schedule, asked).kind === 'again';
}

/** True for a refusal, which the other side would repeat. */
function isRefusal({ category }: Failure): boolean {
  return category === 'business' || category === 'data';
}

function uncertain(of: Deciding): Next {
  const { rules } = of;
  if (!rules.canQuery && !repeatable(rules)) return { kind: 'stuck', reason: 'outcome_unknown' };
  return { kind: 'again', state: 'unknown', wait: patience(of) };
}

function patience({ tried, rules: { schedule }, random }: Deciding, failed?: Failed): WorkWait {
  const retryAfterMs = failed?.failure.retryAfterMs;
  const refusedBy = failed?.made === false ? failed.failure.code : undefined;
  if (refusedBy === BREAKER_OPEN && retryAfterMs !== undefined) {
    // The breaker knows when it admits a call; the waits are spread, so that not all callers return at once.
    const { baseMs } = schedule.fast;
    const computedMs = Math.ceil(retryAfterMs + random() * baseMs);
    return { computedMs, capMs: Math.ceil(retryAfterMs + baseMs), rule: 'breaker_open' };
  }
  // Each claim takes no more than the quota has, so that the waits need not be spread.
  if (refusedBy === QUOTA_USED_UP && retryAfterMs !== undefined)
    return { computedMs: retryAfterMs, capMs: retryAfterMs, rule: 'quota' };
  // The schedule has no end: `mayTry` has decided whether to give up.
  return slowWait(schedule, { attempt: attemptOf(tried), retryAfterMs, random });
}

/** The number of the attempt that just ended. */
function attemptOf({ attempts, queries }: Tried): number {
  return attempts + queries + 1;
}

function repeatable({ idempotency }: Pick<Rules, 'idempotency'>): boolean {
  switch (idempotency) {
    case 'idempotent':
    case 'keyed':
      return true;
    case 'none':
      return false;
  }
}

/** Pure: a failure in the bounds of rows and events: what could not be written would never be recorded. */
export function stored({ category, certainty, code, message }: StoredFailure): StoredFailure {
  return { category, certainty, code: clean(code, 200), message: clean(message, 4_000) };
}

function gaveUp(message: string): StoredFailure {
  return stored({ category: 'service', certainty: 'not_applied', code: 'GAVE_UP', message });
}

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
  const attempts = found === 'calling' ? [] : sinceBegin(story).map(({ at }) => Date.parse(at));
  const byWorkers = countedFrom(attempts, now) + finalMs - now;
  return Math.max(byDatabase, byWorkers);
}

/** The time from which this worker counts: of the begin or, where its clock was set back since, of the first attempt by that clock. */
function countedFrom([begun, ...later]: readonly number[], now: number): number {
  if (begun === undefined) return now;
  return begun <= now ? begun : Math.min(now, ...later.filter((at) => at <= now));
}

/**
 * Returns the attempts from one at which each call in doubt had begun: from the last of these calls, or from the first attempt after
 * it. A call that left no entry was followed by a query, since its row was found `calling`.
 */
function sinceBegin(story: readonly (WorkAttempt | OperatorAct)[]): readonly WorkAttempt[] {
  const attempts = story.filter((one) => one.op !== 'operator');
  let queried: number | undefined;
  for (const [at, one] of [...attempts.entries()].toReversed()) {
    if (mayHaveEffect(one)) return attempts.slice(at);
    const isCovered = one.failure?.code === COVERED.code;
    // No call begins after this one: the queries look for those before it.
    if (isCovered) queried = undefined;
    else if (one.op === 'query' && one.wait !== undefined) queried = at;
    // A call was made after this attempt, and it left no entry where a query follows.
    else if (queried !== undefined) return attempts.slice(queried);
  }
  return attempts.slice(queried ?? 0);
}

function mayHaveEffect({ op, failure }: WorkAttempt): boolean {
  return op === 'call' && failure?.certainty !== 'not_applied';
}
