import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import type { CallIdempotency } from '../declare/types.ts';
import {
  asked,
  called,
  FATES,
  type Fate,
  leaseMs,
  OtherSide,
  settleMs,
} from '../../fixture/calls/other-side.ts';
import { type Answer, decide, doubtAfter, nextTurn, type Rules, finalInMs } from './decide.ts';
import {
  type ClaimedWork,
  continueStory,
  COVERED,
  type Op,
  type WorkAttempt,
  type WorkState,
} from './work.ts';
import fc from 'fast-check';

const START = Date.parse('2026-01-01T00:00:00.000Z');

interface Run {
  readonly fates: readonly Fate[];
  readonly rules: Rules;
  readonly seed: number;
  /** The round from which on the step of the call is to be undone: its saga is past its deadline. */
  readonly undoneFrom: number;
  /** The round before which the clock of the database jumps ahead of that of the workers. */
  readonly jumpsAt: number;
}

/** The row of the call. Times of the database are ahead of those of the workers by `aheadMs`. */
class Row {
  state: WorkState = 'ready';
  attempts = 0;
  queries = 0;
  finalAt: number | null = null;
  aheadMs = 0;
  story: readonly WorkAttempt[] = [];

  /** Stores an attempt, as `attemptsMade` does. */
  store(at: number, op: Op, answer: Answer, wait: WorkAttempt['wait']): void {
    const said = answer.kind === 'failed' ? { failure: answer.failure } : { found: answer.kind };
    const attempt = { at: new Date(at).toISOString(), op, durationMs: 0, ...said, ...(wait && { wait }) };
    this.story = continueStory(this.story, [attempt]);
  }
}

/** `late`: the calls that began after their step was to be undone. */
function run({ fates, rules, seed, undoneFrom, jumpsAt }: Run): {
  state: WorkState;
  other: OtherSide;
  late: number;
} {
  const random = seededRandom(seed);
  let late = 0;
  const other = new OtherSide(rules.idempotency !== 'none');
  const row = new Row();
  const left = [...fates];
  for (let round = 0; round < 500; round += 1) {
    const found = row.state;
    if (found === 'done' || found === 'failed' || found === 'stuck' || found === 'answered') break;
    if (round === jumpsAt) row.aheadMs = 1_000_000;
    const before = row.finalAt;
    const doubt = before !== null;
    const byDatabase = other.now + row.aheadMs;
    if (found === 'ready') row.finalAt = Math.max(before ?? 0, byDatabase + leaseMs + settleMs);
    if (found === 'ready') row.state = 'calling';
    const covered = round >= undoneFrom;
    const op = nextTurn({ found, covered, doubt }, rules);
    if (op === 'settle') throw new Error('nothing is answered here');
    if (op === 'drop' || op === 'doubt') {
      row.state = op === 'drop' ? 'failed' : 'unknown';
      row.finalAt = before;
      row.store(
        START + other.now,
        'call',
        { kind: 'failed', made: false, failure: { ...COVERED, structural: false } },
        undefined,
      );
      continue;
    }
    if (op === 'stuck') {
      row.state = 'stuck';
      break;
    }
    if (op === 'call' && covered) late += 1;
    const answer = op === 'query' ? asked(other, left) : called(other, left.shift() ?? 'answered');
    if (answer === 'crash') {
      other.now += leaseMs;
      continue;
    }
    const claimed = { story: row.story, found, doubt, finalMs: leaseMs + settleMs };
    const byBoth = finalInMs(
      { ...claimed, finalInMs: (row.finalAt ?? 0) - byDatabase } as ClaimedWork,
      START + other.now,
    );
    const tried = {
      attempts: row.attempts,
      queries: row.queries,
      ageMs: byDatabase,
      found,
      finalInMs: byBoth,
      doubt,
      covered,
    };
    const next = decide(op, answer, tried, rules, random);
    row.store(START + other.now, op, answer, next.kind === 'again' ? next.wait : undefined);
    if (op === 'query') row.queries += 1;
    else row.attempts += 1;
    if (next.kind === 'again') {
      row.state = next.state;
      row.finalAt = { kept: row.finalAt, as_before: before, cleared: null }[doubtAfter(op, next, tried)];
      other.now += next.wait?.computedMs ?? 0;
    } else row.state = { succeed: 'done', fail: 'failed', stuck: 'stuck' }[next.kind] as WorkState;
  }
  return { state: row.state, other, late };
}

const arbitrary = {
  fates: fc.array(fc.constantFrom(...FATES), { maxLength: 12 }),
  idempotency: fc.constantFrom<CallIdempotency>('keyed', 'idempotent', 'none'),
  canQuery: fc.boolean(),
  withinMs: fc.constantFrom(Number.POSITIVE_INFINITY, 0, 400),
  seed: fc.nat(),
  undoneFrom: fc.constantFrom(Number.POSITIVE_INFINITY, 0, 1, 2, 3, 5, 8),
  jumpsAt: fc.constantFrom(Number.POSITIVE_INFINITY, 1, 2, 3, 5),
};

/** This property found the case: a call was given up after a refused repeat, and the earlier call arrived. */
const found = {
  fates: ['late', 'late', 'late', 'refused', 'refused'] as Fate[],
  idempotency: 'keyed' as const,
  canQuery: true,
  withinMs: 400,
  seed: 2113892897,
  undoneFrom: Number.POSITIVE_INFINITY,
  jumpsAt: Number.POSITIVE_INFINITY,
};

/** A lost request, a refusal of the breaker, and then the deadline of the saga: the call was made again for ever. */
const breakerBeforeDeadline = {
  fates: ['request_lost', 'breaker_open', ...Array<Fate>(9).fill('request_lost')] as Fate[],
  idempotency: 'keyed' as const,
  canQuery: true,
  withinMs: Number.POSITIVE_INFINITY,
  seed: 1,
  undoneFrom: 3,
  jumpsAt: Number.POSITIVE_INFINITY,
};

describe('a call under every failure of the network', () => {
  // Planted faults that fail here: `final ||` taken out of afterNotFound's condition (a late call is doubled), `before`
  // forgotten after a failed repeat, and `tried.doubt` not asked for (a call is given up while an earlier one arrives).
  // The refusal of an idempotent repeat believed while the earlier call may arrive: recorded as refused, and it took effect.
  // `covered` forgotten in nextTurn or in afterNotFound: a call begins after the deadline of its saga.
  it('G6b, S19: whatever the network does, an effect happens at most once, its recorded outcome is the true one, and no call begins after its step was to be undone', () => {
    fc.assert(
      fc.property(fc.record(arbitrary), ({ fates, seed, withinMs, undoneFrom, jumpsAt, ...rest }) => {
        const backoff = { baseMs: 10, factor: 2, capMs: 200 };
        const schedule = { fast: backoff, fastAttempts: 60, slow: backoff, withinMs };
        const rules: Rules = { ...rest, schedule };
        // A keyed side says no to every call of a key or to none.
        const honest = rules.idempotency === 'keyed' ? fates.filter((fate) => fate !== 'declined') : fates;
        const { state, other, late } = run({ fates: honest, rules, seed, undoneFrom, jumpsAt });
        // Where no query exists, a repeat under the key is the question.
        if (rules.canQuery || rules.idempotency === 'none') expect(late).toBe(0);
        expect(other.effectsEver).toBeLessThanOrEqual(1);
        expect(['done', 'failed', 'stuck']).toContain(state);
        if (state === 'done') expect(other.effects).toBe(1);
        if (state === 'failed') expect(other.effectsEver).toBe(0);
        if (state === 'stuck') expect([rules.idempotency, rules.canQuery]).toEqual(['none', false]);
      }),
      { numRuns: 3_000, examples: [[found], [breakerBeforeDeadline]] },
    );
  });
});
