import { expect, it } from 'vitest';
import { Series } from '../../measure/series.ts';
import { verdictOf } from '../../report/figure.ts';
import type { PhaseResult, SideRound } from '../round.ts';
import type { SagaSides } from '../sides/index.ts';
import type { SagaSide } from '../sides/side.ts';
import { eachGroup } from '../usage/groups.ts';
import { figuresOfSagas } from './figures.ts';
import { sagaPlots } from './plots.ts';
import { absentTable, roundTables } from './tables.ts';

const phase = (perSecond: number, statements: number): PhaseResult => ({
  sagas: 100,
  seconds: 10,
  perSecond,
  latencies: [10, 20, 30],
  perSaga: { statements, transactions: 5, walBytes: 2_048, cpuMs: eachGroup(() => 1) },
  memoryMiB: eachGroup(() => 50),
});

const round = (perSecond: number): SideRound => ({
  idle: { cores: eachGroup(() => 0.01), statementsPerSecond: 20, transactionsPerSecond: 10 },
  phases: {
    alone: phase(5, 32),
    at20: phase(20, 30),
    at50: phase(50, 20),
    with32: phase(perSecond, 12),
    with128: phase(perSecond / 2, 14),
  },
  drill: {
    inFlight: 1_000,
    notEnded: 0,
    allEndedAfterSeconds: 4,
    doubles: 0,
    repeats: 3,
    violations: 0,
  },
});

const side = (name: string): SagaSide => ({
  name,
  layout: 'B',
  ours: true,
  kafka: true,
  open: () => Promise.reject(new Error('not opened here')),
});

async function measured(): Promise<{ found: SagaSides; rounds: Series<SideRound> }> {
  const rounds = new Series<SideRound>();
  await rounds.round('Converge B', () => Promise.resolve(round(300)));
  await rounds.round('by hand B', () => Promise.resolve(round(200)));
  await rounds.round('Restate B', () => Promise.reject(new Error('its port was taken')));
  const sides = ['Converge B', 'by hand B', 'Restate B'].map(side);
  return { found: { sides, absent: [{ name: 'DBOS B', why: 'npm was not found' }] }, rounds };
}

it('figures compare a side with the same saga by hand, and leave idle polls out of a saga alone', async () => {
  const { found, rounds } = await measured();
  const figures = new Map(figuresOfSagas(found, rounds).map((figure) => [figure.name, figure]));
  const rate = figures.get('sagas/s, 128 at once, B');
  expect(rate).toMatchObject({ ours: { value: 150 }, rival: { value: 100, who: 'by hand B' } });
  expect(rate && verdictOf(rate)).toBe('yes, the aim too');
  expect(figures.get('statements a saga, alone, without idle polls, B')).toMatchObject({
    ours: { value: 30 },
  });
  expect(figures.get('memory of a process, 128 at once, B')?.ours?.value).toBe(12.5);
  expect(figures.get('idle: four processes of B and their Postgres sessions')?.ours?.value).toBeCloseTo(0.03);
  const drill = figures.get('kill drill of B: sagas not ended');
  expect(drill && verdictOf(drill)).toBe('yes');
});

it('a figure without its rival or its side says why, and has no value', async () => {
  const { found, rounds } = await measured();
  const figures = new Map(figuresOfSagas(found, rounds).map((figure) => [figure.name, figure]));
  expect(figures.get('sagas/s at saturation, B')).toMatchObject({
    rival: undefined,
    note: 'DBOS B absent: npm was not found; Restate B absent: its port was taken',
  });
  const local = figures.get('sagas/s at saturation, A on the local broker');
  expect(local && verdictOf(local)).toBe('not measured');
});

it('tables and plots show the sides that were measured, and name the others', async () => {
  const { found, rounds } = await measured();
  const [loads = '', idle = '', drills = ''] = roundTables(found.sides, rounds);
  expect(loads.split('\n')).toHaveLength(2 + 2 * 5);
  expect(loads).toContain('| Converge B | 1 | 50/s | 100 | 50.0 | 20.0 | 30.0 | 30.0 |');
  expect(idle).toContain('| by hand B | 1 | 0.010 |');
  expect(drills).toContain('| Converge B | 1 | 1000 | 0 | 3 | 0 | 4.0 | 0 |');
  const absent = absentTable(found, rounds);
  expect(absent).toContain('| Restate B | failed: its port was taken |');
  expect(absent).toContain('| DBOS B | absent: npm was not found |');
  for (const { svg } of sagaPlots(found.sides, rounds)) expect(svg).not.toContain('NaN');
});
