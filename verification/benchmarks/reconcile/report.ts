import { median, spread } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';
import { count, table } from '../report/markdown.ts';
import { WORKERS } from './queue.ts';

/** One round of comparisons. Times in milliseconds. */
export interface DigestRound {
  readonly ours: number;
  readonly rival: number;
  readonly second: number;
  /** The rows that the second pass hashed, as a share of those of the first. */
  readonly share: number;
  /** The growth of the process during the first pass, in MiB. */
  readonly grownMiB: number;
}

/** One round of the queue, in keys per second. */
export interface QueueRound {
  readonly ours: number;
  readonly rival: number;
  readonly firstTenth: number;
  readonly lastTenth: number;
}

export function digestFigures(
  rounds: readonly DigestRound[],
  { rows, smallRows, smallMs }: Readonly<Record<'rows' | 'smallRows' | 'smallMs', number>>,
): readonly Figure[] {
  const of = (name: keyof DigestRound): readonly number[] => rounds.map((round) => round[name]);
  const first = { value: median(of('ours')), unit: 'ms' };
  return [
    {
      name: `compare 2 x ${count(rows)} rows with 3 differences, comparisons an hour`,
      bar: { kind: 'at least', ratio: 2 },
      ours: { value: 3_600_000 / first.value, unit: '/h' },
      rival: { value: 3_600_000 / median(of('rival')), unit: '/h', who: 'reladiff 0.6.0' },
      spread: spread(of('ours')),
    },
    {
      name: `the same, time`,
      bar: { kind: 'below', limit: (2_000 * rows) / 1_000_000, unit: 'ms' },
      ours: first,
    },
    {
      name: 'second pass after 1 % of the rows changed, against the first',
      bar: { kind: 'at most', ratio: 0.05 },
      ours: { value: median(of('second')), unit: 'ms' },
      rival: { ...first, who: 'first pass' },
    },
    {
      name: 'rows that it hashed, against the first',
      bar: { kind: 'at most', ratio: 0.05 },
      ours: { value: 100 * median(of('share')), unit: '%', digits: 2 },
      rival: { value: 100, unit: '%', who: 'first pass' },
    },
    {
      name: `time for a row, against a tenth of the rows`,
      bar: { kind: 'at most', ratio: 1.2 },
      ours: { value: (1_000_000 * first.value) / rows, unit: 'ns', digits: 0 },
      rival: { value: (1_000_000 * smallMs) / smallRows, unit: 'ns', who: `${count(smallRows)} rows` },
    },
    {
      name: 'growth of the process during a first pass',
      bar: { kind: 'below', limit: 50, unit: 'MiB' },
      ours: { value: Math.max(...of('grownMiB')), unit: 'MiB', digits: 1 },
    },
  ];
}

export function queueFigures(rounds: readonly QueueRound[]): readonly Figure[] {
  const of = (name: keyof QueueRound): readonly number[] => rounds.map((round) => round[name]);
  const rate = (name: keyof QueueRound) => ({ value: median(of(name)), unit: 'keys/s' });
  return [
    {
      name: `key queue, one process, ${WORKERS} at once`,
      bar: { kind: 'at least', ratio: 1 },
      ours: rate('ours'),
      rival: { ...rate('rival'), who: 'graphile-worker 0.18.0' },
      spread: spread(of('ours')),
    },
    {
      name: 'under a held snapshot, last tenth against the first',
      bar: { kind: 'at least', ratio: 0.9 },
      ours: rate('lastTenth'),
      rival: { ...rate('firstTenth'), who: 'first tenth' },
      spread: spread(of('lastTenth')),
    },
  ];
}

export function digestTable(rounds: readonly DigestRound[]): string {
  return table(
    ['round', 'first pass', 'reladiff', 'second pass', 'rows hashed by it', 'growth'],
    rounds.map(({ ours, rival, second, share, grownMiB }, index) => [
      String(index + 1),
      ...[ours, rival, second].map((ms) => `${ms.toFixed(0)} ms`),
      `${(100 * share).toFixed(2)} %`,
      `${grownMiB.toFixed(1)} MiB`,
    ]),
  );
}

export function queueTable(rounds: readonly QueueRound[]): string {
  return table(
    ['round', 'ours', 'graphile-worker', 'first tenth, snapshot held', 'last tenth'],
    rounds.map(({ ours, rival, firstTenth, lastTenth }, index) => [
      String(index + 1),
      ...[ours, rival, firstTenth, lastTenth].map((rate) => `${rate.toFixed(0)} keys/s`),
    ]),
  );
}
