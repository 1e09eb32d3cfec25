import { describe, expect, test } from 'vitest';
import { decideFailedSend, type FailedSend, HOLDS_BACK_FOR_MS, SET_APART_AFTER_MS } from './send-decision.ts';

describe('a failed send', () => {
  const failed: FailedSend = {
    error: { kind: 'retry', code: 'NOT_LEADER' },
    records: 10,
    failingForMs: 0,
    othersFlow: false,
    othersFlowForMs: -1_000,
    holdsBack: false,
    isProbe: false,
  };
  const table: [string, Partial<FailedSend>, ReturnType<typeof decideFailedSend>][] = [
    ['not the leader: again', {}, { kind: 'retry' }],
    [
      'the broker is down for an hour: still again',
      { failingForMs: 3_600_000, holdsBack: true },
      { kind: 'retry' },
    ],
    [
      'one partition holds back the others, which were written: halted by itself soon',
      { failingForMs: HOLDS_BACK_FOR_MS, othersFlow: true, holdsBack: true },
      { kind: 'halt_partition', code: 'NOT_LEADER' },
    ],
    [
      'others are still written long after: halted by itself, although there is room',
      { failingForMs: 6_000, othersFlow: true, othersFlowForMs: SET_APART_AFTER_MS },
      { kind: 'halt_partition', code: 'NOT_LEADER' },
    ],
    [
      'others were written only at first, as when a broker goes down: again',
      { failingForMs: 60_000, othersFlow: true, othersFlowForMs: 400 },
      { kind: 'retry' },
    ],
    [
      'it was halted by itself and fails again: at once',
      { isProbe: true },
      { kind: 'halt_partition', code: 'NOT_LEADER' },
    ],
    [
      'the producer lost its state: again, with a new one',
      { error: { kind: 'new_producer', code: 'FENCED' } },
      { kind: 'retry' },
    ],
    ['wrong password: again', { error: { kind: 'configuration', code: 'SASL' } }, { kind: 'retry' }],
    [
      'not authorized: halt',
      { error: { kind: 'halt_topic', code: 'NOT_AUTHORIZED' } },
      { kind: 'halt_topic', code: 'NOT_AUTHORIZED' },
    ],
    [
      'too large together: halves, to find the one',
      { error: { kind: 'halt_topic', code: 'MESSAGE_TOO_LARGE' } },
      { kind: 'smaller', records: 5 },
    ],
    [
      'too large alone: halt its partition, and not its topic',
      { error: { kind: 'halt_topic', code: 'MESSAGE_TOO_LARGE' }, records: 1 },
      { kind: 'halt_at_record', code: 'MESSAGE_TOO_LARGE' },
    ],
    [
      'a record of another time than the topic takes: halves, to find the one',
      { error: { kind: 'halt_topic', code: 'TIMESTAMP_INVALID' } },
      { kind: 'smaller', records: 5 },
    ],
    [
      'a record that the topic refuses: halves, to find the one',
      { error: { kind: 'halt_topic', code: 'RECORD_INVALID' } },
      { kind: 'smaller', records: 5 },
    ],
    [
      'the reason is unknown: halt, skip nothing',
      { error: { kind: 'fatal', code: 'X' } },
      { kind: 'halt_topic', code: 'X' },
    ],
  ];
  test.each(table)('a failed send is handled by its cause: %s', (_, change, decision) => {
    expect(decideFailedSend({ ...failed, ...change })).toEqual(decision);
  });
});
