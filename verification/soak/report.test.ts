import { describe, expect, it } from 'vitest';
import { anomalyKinds, type Verdict } from '../checker/facts.ts';
import type { Exit } from './relay-process.ts';
import { report, type ReportInput } from './report.ts';

const verdict: Verdict = {
  committed: 10,
  records: 12,
  events: 10,
  duplicates: 2,
  takeoverRepeats: 1,
  resends: 0,
  longestRepeat: 2,
  counts: Object.fromEntries(anomalyKinds.map((kind) => [kind, 0])) as Verdict['counts'],
  anomalies: [],
};

interface Changes {
  readonly verdict?: Partial<Verdict>;
  readonly exits?: readonly Exit[];
  readonly failures?: readonly string[];
  readonly megabytesPerMinute?: number;
  readonly overMinutes?: number;
}

function made(changes: Changes = {}): ReturnType<typeof report> {
  const relay = { name: 'relay-hunted-a', exits: changes.exits ?? [] };
  return report({
    seed: 1,
    command: 'make soak',
    world: { sources: [{ name: 'hunted', relays: [relay] }] } as unknown as ReportInput['world'],
    result: {
      beganMs: 0,
      endedMs: 60_000,
      faults: new Map([['a', 1]]),
      writers: new Map(),
      recoveries: [{ kind: 'a', ms: 400 }],
      failures: changes.failures ?? [],
    },
    judgements: [
      {
        source: 'hunted',
        verdict: { ...verdict, ...changes.verdict },
        takeovers: 3,
        retired: 0,
        silence: { ms: 5_000, atMs: 7_000 },
      },
    ],
    memory: {
      megabytesPerMinute: changes.megabytesPerMinute ?? 0.2,
      overMinutes: changes.overMinutes ?? 20,
      first: 100,
      last: 104,
      highest: 110,
    },
  });
}

const exit = (fields: Partial<Exit>): Exit => ({
  pid: 7,
  code: 1,
  signal: null,
  expected: false,
  hadRun: true,
  ...fields,
});

describe('the report', () => {
  it('the report passes a run without findings, and shows its measurements', () => {
    const { passed, markdown } = made();
    expect(passed).toBe(true);
    expect(markdown).toContain('| lost | 0 |');
    expect(markdown).toContain('| longest stall of a log | 5.0 s (hunted, at 7 s) |');
    expect(markdown).toContain('| a | 1 | 0.4 s |');
  });

  it.each<[string, Changes, RegExp]>([
    [
      'an anomaly',
      { verdict: { anomalies: [{ kind: 'lost', witness: 'event 5 is not there' }] } },
      /lost.*event 5 is not there/,
    ],
    ['an empty log', { verdict: { events: 0 } }, /a log is empty/],
    ['a relay that ended by itself while it worked', { exits: [exit({})] }, /ended by itself with 1/],
    ['what was not live in time', { failures: ['not live after x'] }, /not live after x/],
    ['memory that grows', { megabytesPerMinute: 1.1 }, /grows by 1.10 MB a minute/],
  ])('the report fails a run with %s', (_, changes, line) => {
    const { passed, markdown } = made(changes);
    expect(passed).toBe(false);
    expect(markdown).toMatch(line);
  });

  it('the report passes a run with a relay that the run killed, one that could not start, and growth over a short time', () => {
    const exits = [exit({ expected: true, code: null, signal: 'SIGKILL' }), exit({ hadRun: false })];
    expect(made({ exits }).passed).toBe(true);
    expect(made({ megabytesPerMinute: 50, overMinutes: 3 }).passed).toBe(true);
  });
});
