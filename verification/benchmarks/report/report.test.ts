import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test, expect } from 'vitest';
import { cases } from '../cases/index.ts';
import { inTurn } from '../measure/series.ts';
import { verdictOf } from './figure.ts';
import { figuresOf, METHODS, type Section, writeReport } from './report.ts';

const measured: Section = {
  name: 'drain',
  title: 'Drain',
  result: {
    figures: [
      {
        name: 'drain',
        bar: { kind: 'at least', ratio: 3 },
        ours: { value: 9, unit: 'events/s' },
        rival: { value: 3, unit: 'events/s', who: 'Debezium' },
      },
    ],
    plots: [{ name: 'drain', title: 'Drain of a backlog', svg: '<svg/>' }],
    rounds: 'every round',
  },
};
const failed: Section = { name: 'outage', title: 'Outage', result: { failed: 'the broker was given' } };

test('a case that failed keeps its place among the figures and does not take those of the others', () => {
  const figures = figuresOf([failed, measured]);
  expect(figures.map(({ name }) => name)).toEqual(['Outage', 'drain']);
  expect(figures.map(verdictOf)).toEqual(['not measured', 'yes']);
});

test('a report has its plots beside it, and every case with what it measured or why it did not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-report-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'deep', '2026-01-02-relay.md');
  expect(writeReport(file, 'The relay', 'a machine', [measured, failed])).toEqual([
    file,
    join(folder, 'deep', '2026-01-02-relay-drain.svg'),
  ]);
  expect(readdirSync(join(folder, 'deep')).sort()).toEqual([
    '2026-01-02-relay-drain.svg',
    '2026-01-02-relay.md',
  ]);
  const text = readFileSync(file, 'utf8');
  for (const part of [
    '# The relay',
    'a machine',
    '3.00x',
    '![Drain of a backlog](2026-01-02-relay-drain.svg)',
  ])
    expect(text).toContain(part);
  expect(text).toContain('## Outage\n\nNot measured: the broker was given');
});

test('the method of every case has a heading of its name', () => {
  const headings = new Set(
    [...readFileSync(METHODS, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, name]) => name),
  );
  expect(cases.map(({ name }) => name).filter((name) => !headings.has(name))).toEqual([]);
});

test('each round begins with another side', () => {
  const sides = ['a', 'b', 'c'];
  expect([1, 2, 3, 4].map((round) => inTurn(sides, round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
});
