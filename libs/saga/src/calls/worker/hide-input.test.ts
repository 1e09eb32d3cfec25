import { logger, withLogsTo } from '@convergekit/telemetry';
import { expect, it } from 'vitest';
import type { ClaimedWork } from '../work/work.ts';
import { hideInput } from './hide-input.ts';
import { report } from './report.ts';

const CANARY = 'canary-8c1f';
const event = { id: 'e-1', key: 'k-1', payload: JSON.stringify({ card: CANARY, cents: 4_112 }) };
const stepInput = JSON.stringify({ saga: 'shop', instance: 'i-1', events: [event] });

it('the log line of a failed attempt does not quote what the call was given', () => {
  const lines: string[] = [];
  const log = withLogsTo({ write: (line) => void lines.push(line) }, 'trace', () => logger('saga'));
  const failure = {
    category: 'service',
    certainty: 'not_applied',
    code: 'E500',
    message: `no such card: ${CANARY}`,
  } as const;
  const work = {
    id: 'w',
    call: 'shop.pay',
    input: stepInput,
    story: [],
    cause: { eventId: 'e-1', correlationId: 'c', hops: 1 },
  } as unknown as ClaimedWork; // the fields that a log line reads
  const at = '2026-01-01T00:00:00.000Z';
  report.attempts(log, work, [{ at, op: 'call', durationMs: 1, failure }], { kind: 'fail', failure });
  report.recordingFailed(log, work, { ...failure, structural: false });
  expect(lines).toHaveLength(2);
  expect(lines.join('')).toContain('no such card: [value]');
  expect(lines.join('')).not.toContain(CANARY);
});

it('the values of a step’s events are hidden, and its names and ids stay readable', () => {
  const hide = hideInput({ input: stepInput });
  expect(hide(`card ${CANARY} of i-1 in shop: 4112 cents, e-1`)).toBe(
    'card [value] of i-1 in shop: [value] cents, e-1',
  );
});

it('the values of a call that a handler asked for are hidden', () => {
  expect(hideInput({ input: '{"to":"ann@x.org"}' })('no mailbox ann@x.org')).toBe('no mailbox [value]');
});
