import { BrokerError } from '@convergekit/broker';
import { ConvergeError } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { alarmDefinitions, type Condition, conditionsOf, type RelayFacts } from './alarms.ts';
import type { HeldTopic } from '../backlog/flow-state.ts';
import { calm } from '../fixture/calm-survey.ts';
import { AlarmBoard } from './alarm-board.ts';
import { troubleOf } from './relay-watch.ts';
import { backlogOf, COUNTED, type Survey } from './survey-sql.ts';

/**
 * Code that was removed once, and a test here failed:
 * - a condition must last before its alarm is raised (raised at first sight);
 * - an alarm is reported once (reported at each look);
 * - an error that the database answers with is no lost connection (`isAnswer`: a full disk said "bring Postgres back").
 */

const limits = { lateAfterMs: 60_000 };
const names = (facts: Partial<RelayFacts>): string[] =>
  conditionsOf({ held: [], survey: calm, ...facts }, limits).map(({ name }) => name);
const surveyed = (change: Partial<Survey>): readonly Condition[] =>
  conditionsOf({ held: [], survey: { ...calm, ...change } }, limits);

describe('the state of a relay', () => {
  // Planted fault: an alarm for each topic that a writer named, each a line in the log and a series of a metric.
  it('a command that an alarm of the relay advises runs as typed: a rebase has its reason and asks nothing, or changes nothing', () => {
    const text = Object.values(alarmDefinitions).map(({ next }) => next);
    const rebases = text.flatMap((next) => next.match(/`converge source rebase[^`]*`/g) ?? []);
    expect(rebases.length).toBeGreaterThan(3);
    expect(rebases.filter((one) => !/ --dry-run`$| --reason "…" --yes`$/.test(one))).toEqual([]);
  });

  it('a hundred halted topics have an alarm each, and the others one together', () => {
    const held = Array.from({ length: 5_000 }, (_, n): HeldTopic => ({
      topic: `t${n}`,
      state: 'halted',
      heldAt: 1n,
      code: 'TOPIC_UNKNOWN',
      detail: 'the broker has no such topic',
    }));
    const found = conditionsOf({ held, survey: calm }, limits);
    expect(found).toHaveLength(101);
    expect(found.at(-1)).toMatchObject({ name: 'topic_halted', subject: 'others' });
    expect(found.at(-1)?.text).toContain('4900 more are halted');
  });

  it('while commits wait for a standby, that is the alarm, and not the lease that cannot be renewed', () => {
    expect(names({ waitingCommits: 2, maySendForMs: 0 })).toEqual(['commits_wait']);
    expect(names({ maySendForMs: 0 })).toEqual(['lease_margin_short']);
  });

  it('while commits wait for a standby, a database that was away before is not said to be away', () => {
    const waitingCommits = 1;
    const trouble = { code: 'ECONNREFUSED', text: 'nothing listens there', from: 'database' as const };
    expect(names({ waitingCommits, trouble })).toEqual(['commits_wait']);
    expect(names({ trouble })).toEqual(['database_unreachable']);
    expect(names({ waitingCommits, trouble: { ...trouble, code: '53100' } })).toEqual([
      'relay_cannot_lead',
      'commits_wait',
    ]);
  });

  it('a sound relay raises nothing, and neither do unknown facts', () => {
    expect(names({ maySendForMs: 3_000, tickWarnedAgoMs: 20_000 })).toEqual([]);
    expect(names({ survey: undefined })).toEqual([]);
  });

  it.each([
    ['TOPIC_UNKNOWN', 'topic_unknown'],
    ['PARTITION_COUNT_CHANGED', 'topic_partitions_changed'],
    ['NOT_AUTHORIZED', 'topic_not_authorized'],
    ['MESSAGE_TOO_LARGE', 'topic_record_too_large'],
    ['SOMETHING_NEW', 'topic_halted'],
  ])('a topic halted by %s raises %s, which names topic and event', (code, name) => {
    const held: HeldTopic = {
      topic: 'orders',
      state: 'halted',
      code,
      detail: 'event e1, partition 2',
      heldAt: 4n,
    };
    expect(conditionsOf({ held: [held] }, limits)).toEqual([
      { name, subject: 'orders', text: `topic orders, ${code}: event e1, partition 2` },
    ]);
  });

  it('a relay with four leaderships that an error ended lately raises an alarm that names the error', () => {
    const failing = (count: number) =>
      conditionsOf({ held: [], failedTerms: { count, text: 'disk full' } }, limits);
    expect(failing(3)).toEqual([]);
    expect(failing(4)).toEqual([{ name: 'leadership_failing', text: '4 terms failed, the last: disk full' }]);
  });

  it('a topic that catches up raises nothing: its cause is fixed', () => {
    expect(names({ held: [{ topic: 'orders', state: 'catching_up', heldAt: 4n }] })).toEqual([]);
  });

  it('S53: a relay that cannot lead names the side at fault', () => {
    const from = (error: unknown): string[] => names({ trouble: troubleOf(error) });
    const broker = new BrokerError('no answer', {
      code: 'BROKER_UNREACHABLE',
      kind: 'retry',
      certainty: 'unknown',
    });
    const notCompared = new ConvergeError('cannot be compared', {
      code: 'LOG_NOT_COMPARED',
      category: 'network',
      certainty: 'not_applied',
      cause: broker,
    });
    const refusal = (code: string): ConvergeError =>
      new ConvergeError(code, { code, category: 'data', certainty: 'not_applied' });
    expect(from(broker)).toEqual(['broker_unreachable']);
    expect(from(notCompared)).toEqual(['broker_unreachable']);
    expect(from(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toEqual([
      'database_unreachable',
    ]);
    const answer = (code: string): string[] =>
      from(Object.assign(new Error('x'), { code, severity: 'ERROR' }));
    expect(['08006', '57P01', '57P03'].flatMap(answer)).toEqual(Array(3).fill('database_unreachable'));
    expect(['53100', '53200', '55P03', '57014'].flatMap(answer)).toEqual(Array(4).fill('relay_cannot_lead'));
    expect(from(refusal('database_went_back'))).toEqual(['database_went_back']);
    expect(from(refusal('database_moved'))).toEqual(['database_moved']);
    expect(from(refusal('log_behind_cursor'))).toEqual(['log_behind_cursor']);
    expect(from(new TypeError('x is undefined'))).toEqual(['relay_cannot_lead']);
  });

  it('a transaction that holds retention back is named, and only once it is old', () => {
    const blocker = {
      kind: 'writer',
      holder: 'pid 4711',
      application: 'psql',
      database: 'other',
      ageMs: 700_000,
    } as const;
    expect(surveyed({ blockers: [blocker] })).toEqual([
      { name: 'retention_held_back', text: 'pid 4711, psql, database other, open for 700 s (1 in all)' },
    ]);
    expect(surveyed({ blockers: [{ ...blocker, ageMs: 61_000 }] })).toEqual([]);
  });

  it('late events, an outbox without children ahead, a lease that changes its holder and clocks that differ raise alarms', () => {
    expect(surveyed({ oldestMs: 61_000, backlog: 12 })).toMatchObject([{ name: 'events_late' }]);
    expect(surveyed({ childrenAhead: 0 })).toMatchObject([{ name: 'no_child_ahead' }]);
    expect(surveyed({ lost: 3 })).toEqual([
      { name: 'lease_lost_repeatedly', text: '3 times, now held by host:1' },
    ]);
    // Four restarts of Postgres within ten minutes: no relay was killed, frozen or starved.
    expect(surveyed({ lost: 4, startedAt: new Date(5_000) })).toEqual([
      {
        name: 'lease_lost_repeatedly',
        text: '4 times, now held by host:1; Postgres itself started at 1970-01-01T00:00:05.000Z, which ended a lease',
      },
    ]);
    expect(alarmDefinitions.lease_lost_repeatedly.next).toContain('a database that is slow or restarts');
    expect(surveyed({ clockAheadMs: -1_500 })).toMatchObject([{ name: 'clock_skewed' }]);
  });

  it('a lease that is not renewed in time, a tick with a warning, a stall and a broker that accepts nothing raise alarms', () => {
    expect(names({ maySendForMs: 0 })).toEqual(['lease_margin_short']);
    expect(names({ tickWarnedAgoMs: 100 })).toEqual(['tick_commit_warned']);
    expect(names({ stalled: 'reading: no statement was made for 31 s' })).toEqual(['relay_stalled']);
    expect(names({ brokerTrouble: 'connection refused' })).toEqual(['broker_unreachable']);
  });

  it('a backlog is counted exactly while it is small, and derived from the ids when it is not', () => {
    expect(backlogOf(17, 900n)).toBe(17);
    expect(backlogOf(COUNTED, 2_000_000n)).toBe(2_000_000);
    expect(backlogOf(COUNTED, 3n)).toBe(COUNTED);
  });
});

describe('the board', () => {
  const late: Condition = { name: 'broker_unreachable', text: 'no answer' };
  const at = (seconds: number) => ({ wallMs: 1_000_000 + seconds * 1_000, monotonic: seconds * 1_000 });
  const changesOf = (board: AlarmBoard, conditions: readonly Condition[], seconds: number): string[] => {
    const { raised, cleared } = board.see(conditions, at(seconds));
    return [...raised.map(({ name }) => `+${name}`), ...cleared.map(({ name }) => `-${name}`)];
  };

  it('the board raises an alarm once its condition has lasted, reports it once, and clears it once', () => {
    const board = new AlarmBoard();
    expect(changesOf(board, [late], 0)).toEqual([]);
    expect(changesOf(board, [late], 9)).toEqual([]);
    expect(board.raised).toEqual([]);
    expect(changesOf(board, [late], 10)).toEqual(['+broker_unreachable']);
    expect(changesOf(board, [late], 11)).toEqual([]);
    expect(board.raised).toMatchObject([{ name: 'broker_unreachable', sinceMs: 1_000_000 }]);
    expect(changesOf(board, [], 12)).toEqual(['-broker_unreachable']);
    expect(changesOf(board, [], 13)).toEqual([]);
  });

  // Planted fault: the difference of two times of the wall clock, which was set back by an hour here.
  it('an alarm that is over lasted as long as it did, whatever was done to the clock of its host', () => {
    const board = new AlarmBoard(0);
    board.see([late], { wallMs: 5_000_000, monotonic: 1_000 });
    const { cleared } = board.see([], { wallMs: 5_000_000 - 3_600_000, monotonic: 31_000 });
    expect(cleared).toMatchObject([{ name: 'broker_unreachable', sinceMs: 5_000_000, lastedMs: 30_000 }]);
  });

  it('the board drops a condition that ended before it was raised', () => {
    const board = new AlarmBoard();
    changesOf(board, [late], 0);
    expect(changesOf(board, [], 9)).toEqual([]);
    changesOf(board, [late], 10);
    expect(changesOf(board, [late], 15)).toEqual([]);
  });

  it('the board keeps two topics apart, and the newest text of each', () => {
    const board = new AlarmBoard(0);
    const on = (subject: string, text = ''): Condition => ({ name: 'topic_unknown', subject, text });
    expect(changesOf(board, [on('a'), on('b')], 0)).toEqual(['+topic_unknown', '+topic_unknown']);
    expect(changesOf(board, [on('b', 'now so')], 1)).toEqual(['-topic_unknown']);
    expect(board.raised).toMatchObject([{ subject: 'b', text: 'now so' }]);
    expect(board.isRaised('topic_unknown')).toBe(true);
  });
});

describe('the limit of the outbox', () => {
  const MiB = 1_048_576;
  const limited = (waiting: number, bytesPerSecond: number): readonly Condition[] =>
    surveyed({ limit: { ...calm.limit, maxBytes: 100 * MiB, waitingBytes: waiting * MiB, bytesPerSecond } });

  it('G1f: the limit of the outbox raises an alarm from four fifths on, or an hour before it is reached, with the forecast', () => {
    expect(limited(70, 0)).toEqual([]);
    expect(limited(10, (90 * MiB) / 7_200)).toEqual([]);
    expect(limited(10, (90 * MiB) / 1_800)).toMatchObject([
      { name: 'outbox_filling', text: '10 MiB of 100 MiB wait, full in 30 min at the present rate' },
    ]);
    expect(limited(80, -5)).toMatchObject([
      { name: 'outbox_filling', text: expect.stringContaining('not growing') as string },
    ]);
    expect(limited(100, 5)).toMatchObject([
      { name: 'outbox_full', text: '100 MiB of 100 MiB wait; emits are still taken' },
    ]);
  });

  it('an outbox without a limit raises no alarm of it', () => {
    expect(surveyed({ limit: { ...calm.limit, waitingBytes: 1e15, bytesPerSecond: 1e9 } })).toEqual([]);
  });
});
