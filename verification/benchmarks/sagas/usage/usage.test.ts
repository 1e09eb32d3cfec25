import { expect, it } from 'vitest';
import { eachGroup, sumOf } from './groups.ts';
import { idleUse, perSaga } from './meter.ts';
import { parseStat, treeOf } from '../../measure/process-tree.ts';

const line = (pid: number, parent: number, ticks: readonly [number, number, number, number]): string =>
  `${pid} (a (b) c) S ${parent} 1 1 0 -1 4194560 1 2 3 4 ${ticks.join(' ')} 20 0 1 0 100 1 1`;

it('a stat line counts the time of ended children, and its name may hold parentheses', () => {
  expect(parseStat(line(7, 3, [10, 5, 2, 1]))).toEqual({
    pid: 7,
    parent: 3,
    name: 'a (b) c',
    ownMs: 150,
    cpuMs: 180,
  });
});

it('the tree of a process has its descendants and no other', () => {
  const stats = [
    line(1, 0, [0, 0, 0, 0]),
    line(2, 1, [1, 0, 0, 0]),
    line(3, 2, [2, 0, 0, 0]),
    line(4, 1, [9, 0, 0, 0]),
  ];
  expect(treeOf(stats.map(parseStat), 2).map(({ pid }) => pid)).toEqual([2, 3]);
  expect(treeOf(stats.map(parseStat), 99)).toEqual([]);
});

it('the sum of a group leaves the measuring sessions out, and is no number where its processes are unknown', () => {
  const stats = [line(1, 0, [1, 0, 0, 0]), line(2, 1, [2, 0, 0, 0]), line(3, 1, [4, 0, 0, 0])].map(parseStat);
  const roots = { node: [], server: [], postgres: [1], kafka: undefined, left: new Set([3]) };
  const cpu = (group: 'node' | 'postgres' | 'kafka') => sumOf(stats, roots, group, ({ cpuMs }) => cpuMs);
  expect([cpu('postgres'), cpu('node'), cpu('kafka')]).toEqual([30, 0, Number.NaN]);
});

it('the use of a saga, and of an idle second, leaves out what the measuring process has sent', () => {
  const reading = (count: number, ownReads: number) => ({
    atMs: 1_000 * count,
    work: { statements: 100 * count, transactions: 20 * count, walBytes: 5_000 * count },
    cpuMs: eachGroup((group) => (group === 'node' ? 30 * count : 0)),
    ownReads,
  });
  expect(idleUse(reading(1, 50), reading(11, 150))).toEqual({
    cores: { node: 0.03, postgres: 0, kafka: 0, server: 0 },
    statementsPerSecond: 90,
    transactionsPerSecond: 20,
  });
  expect(perSaga(reading(1, 50), reading(11, 150), 100)).toEqual({
    statements: 9,
    transactions: 2,
    walBytes: 500,
    cpuMs: { node: 3, postgres: 0, kafka: 0, server: 0 },
  });
});
