import { describe, expect, it } from 'vitest';
import type { Seen } from './collect.ts';
import { differencesOf } from './compare.ts';
import { normalise } from './normalise.ts';

const id = (number: number): string => `0199f3c2-0000-7000-8000-${String(number).padStart(12, '0')}`;
const nothing: Seen = { rows: {}, log: [], ledger: [], strays: [], texts: [] };

function event(number: number, more: Readonly<Record<string, string>> = {}): Seen['log'][number] {
  const headers = { ce_id: id(number), ce_type: 'order.placed', ce_source: 'orders', ...more };
  return { topic: 'orders', key: 'a-1', value: '{}', headers: Object.entries(headers) };
}

const text = (lines: string): Seen => ({
  ...nothing,
  texts: [{ kind: 'narrative', about: 'a-1', text: lines }],
});
const linesOf = (lines: string): readonly string[] => normalise(text(lines))['narrative']?.['a-1'] ?? [];

/** Two runs as they may differ by chance: other ids, times, positions. */
const run = (first: number, time: string): Seen => ({
  ...nothing,
  log: [
    event(first, { ce_time: time, ce_pos: `1.${first}.2` }),
    event(first + 1, { ce_causationid: id(first), ce_type: 'order.paid' }),
  ],
  texts: [{ kind: 'narrative', about: 'a-1', text: `${time}  orders  order.placed ${id(first)} to orders` }],
});

describe('what is normalised', () => {
  it('ids, times and positions of two runs are no difference', () =>
    expect(
      differencesOf(
        normalise(run(1, '2026-01-01T00:00:00.001Z')),
        normalise(run(7, '2026-02-02T00:00:00.002Z')),
      ),
    ).toEqual([]));

  it('a header that names another event is a difference', () => {
    const wrong = run(1, '2026-01-01T00:00:00Z');
    const log = [wrong.log[0]!, event(2, { ce_causationid: id(99), ce_type: 'order.paid' })];
    expect(differencesOf(normalise(run(1, '')), normalise({ ...wrong, log }))).not.toEqual([]);
  });

  it('a header that is missing, or that has another value, is a difference', () => {
    const [one, two, three] = [{}, { ce_hops: '1' }, { ce_hops: '2' }].map((more) =>
      normalise({ ...nothing, log: [event(1, more)] }),
    );
    expect(differencesOf(one!, two!)).toHaveLength(1);
    expect(differencesOf(two!, three!)).toHaveLength(1);
  });

  it('a header whose value is left out has to be there', () => {
    const [one, two] = [{}, { ce_pos: '1.2.3' }].map((more) =>
      normalise({ ...nothing, log: [event(1, more)] }),
    );
    expect(differencesOf(one!, two!)).toHaveLength(1);
  });

  it('an event that a relay sent twice counts once, and two events of one type count twice', () => {
    const count = (log: Seen['log']): number | undefined =>
      normalise({ ...nothing, log })['events of orders in orders']?.['a-1']?.length;
    expect(count([event(1), event(1)])).toBe(1);
    expect(count([event(1), event(2)])).toBe(2);
  });

  it('the order of the events of one source and key is kept', () => {
    const placed = event(1);
    const paid = event(2, { ce_type: 'order.paid' });
    const [one, two] = [
      [placed, paid],
      [paid, placed],
    ].map((log) => normalise({ ...nothing, log }));
    expect(differencesOf(one!, two!)).toMatchObject([{ order: true }]);
  });

  it('an effect that is undone differs from one that stays', () => {
    const [one, two] = [false, true].map((undone) =>
      normalise({ ...nothing, ledger: [{ call: 'bank.charge', id: 'a-1', key: 'k', receipt: 'r', undone }] }),
    );
    expect(differencesOf(one!, two!)).toMatchObject([{ section: 'effects' }]);
  });

  it('numbers of attempts, waits and durations are left out, the failure and what followed stay', () =>
    expect(
      linesOf(
        '+0.120 s  payments  attempt 1 of points: failed after 12 ms with BUG (bug, not_applied) "no"; given up\n' +
          '                      waited 34 ms: backoff, at most 50 ms',
      ),
    ).toEqual([
      'payments  attempt <n> of points: failed after <duration> with BUG (bug, not_applied) "no"; given up',
    ]));

  it('words of a narrative are kept', () =>
    expect(linesOf('+1.2 s  hotel  room is undone')).not.toEqual(linesOf('+1.2 s  hotel  room is refused')));
});
