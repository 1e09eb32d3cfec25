import { quantile } from '../../measure/statistics.ts';
import { table } from '../../report/markdown.ts';
import { type Phase, type PhaseResult, phases, type SideRound } from '../round.ts';
import type { SagaSides } from '../sides/index.ts';
import { groups, type SagaSide } from '../sides/side.ts';
import { type ByGroup, totalOf } from '../usage/groups.ts';
import type { Rounds } from './figures.ts';

const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  alone: 'one after the other',
  at20: '20/s',
  at50: '50/s',
  with32: '32 at once',
  with128: '128 at once',
};

/** The results of every round: the loads, what is used while idle, and the drills. */
export function roundTables(sides: readonly SagaSide[], rounds: Rounds): readonly string[] {
  return [loads(sides, rounds), idle(rounds), drills(rounds)];
}

function loads(sides: readonly SagaSide[], rounds: Rounds): string {
  const head = [
    ...['side', 'round', 'load', 'sagas', 'sagas/s', 'p50 ms', 'p99 ms', 'p99.9 ms'],
    ...['statements', 'transactions', 'WAL KiB', 'CPU ms a saga: node + postgres + kafka + server'],
    'memory MiB: node + postgres + kafka + server',
  ];
  const rowsOf = (name: string, round: SideRound, index: number) =>
    phases.map((phase) => [name, `${index + 1}`, PHASE_NAMES[phase], ...cellsOf(round.phases[phase])]);
  return table(
    head,
    sides.flatMap(({ name }) => rounds.of(name).flatMap((round, index) => rowsOf(name, round, index))),
  );
}

function cellsOf({ sagas, perSecond, latencies, perSaga, memoryMiB }: PhaseResult): readonly string[] {
  return [
    String(sagas),
    number(perSecond, 1),
    ...[0.5, 0.99, 0.999].map((share) => number(quantile(latencies, share), 1)),
    number(perSaga.statements, 1),
    number(perSaga.transactions, 1),
    number(perSaga.walBytes / 1_024, 1),
    `${byGroup(perSaga.cpuMs, 1)} = ${number(totalOf(perSaga.cpuMs), 1)}`,
    byGroup(memoryMiB, 0),
  ];
}

function idle(rounds: Rounds): string {
  const rows = rounds.rows(({ idle: { cores, statementsPerSecond, transactionsPerSecond } }) => [
    ...groups.map((group) => number(cores[group], 3)),
    number(statementsPerSecond, 1),
    number(transactionsPerSecond, 1),
  ]);
  const head = ['side', 'round', ...groups.map((group) => `idle cores: ${group}`)];
  return table([...head, 'idle statements/s', 'idle transactions/s'], rows);
}

function drills(rounds: Rounds): string {
  const head = ['side', 'round', 'in flight at the kill', 'double effects', 'repeated calls', 'not ended'];
  const rows = rounds.rows(({ drill }) => [
    ...[drill.inFlight, drill.doubles, drill.repeats, drill.notEnded].map(String),
    ...[number(drill.allEndedAfterSeconds, 1), String(drill.violations)],
  ]);
  return table([...head, 'all ended after s', 'contradictions'], rows);
}

/** The sides without figures, and why. */
export function absentTable({ sides, absent }: SagaSides, rounds: Rounds): string {
  const failed = sides.flatMap(({ name }) => {
    const why = rounds.failure(name);
    return why === undefined ? [] : [[name, `failed: ${why}`]];
  });
  const rows = [...failed, ...absent.map(({ name, why }) => [name, `absent: ${why}`])];
  return rows.length === 0 ? '' : table(['side', 'no figures, or none after a failure, because'], rows);
}

function byGroup(figures: ByGroup, digits: number): string {
  return groups.map((group) => number(figures[group], digits)).join(' + ');
}

function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}
