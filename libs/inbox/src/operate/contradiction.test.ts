import { describe, expect, it } from 'vitest';
import type { LockedRow } from './change-parked-sql.ts';
import { contradictionOf, reasonOf } from './contradiction.ts';
import { refuseContradiction } from './parked.ts';

const row = (failure_event: string | null, state: LockedRow['state'] = 'dead'): LockedRow => ({
  id: 'p1',
  consumer: 'payments',
  topic: 'orders',
  partition: 0,
  line: null,
  seq: null,
  key: 'k',
  state,
  run: 0,
  event_id: 'e1',
  closed: null,
  failure_event,
  headers: '[]',
  type: null,
  version: null,
  record_key: null,
});

describe('another run of a parked event', () => {
  it('a run of an event that was not given up contradicts nothing', () => {
    expect(contradictionOf(row(null, 'waiting'))).toBeUndefined();
    expect(reasonOf('deployed', row(null))).toBe('deployed');
    expect(() => refuseContradiction(row(null, 'skipped'), {})).not.toThrow();
  });

  // Planted fault: without the look at the failure event nothing is refused.
  it.each(['dead', 'rejected', 'skipped'] as const)(
    'N20, G6q: a run of a %s event whose failure event was emitted says what it contradicts, and needs the consent by name',
    (state) => {
      const refused = (how: object) => () => refuseContradiction(row('f1', state), how);
      expect(refused({})).toThrow(
        /^parked event p1 is \w+: its failure event f1 was emitted to payments.failures, .* may have compensated; .*emit a new event, or a correction .*--after-compensation$/,
      );
      expect(refused({ afterCompensation: false })).toThrow(
        expect.objectContaining({ code: 'PARKED_REPORTED' }),
      );
      expect(refused({ afterCompensation: true })).not.toThrow();
      expect(reasonOf('deployed', row('f1', state))).toBe('after compensation (failure event f1): deployed');
    },
  );
});
