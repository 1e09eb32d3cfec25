import { median, spread } from '../../measure/statistics.ts';
import type { Bar, Figure } from '../../report/figure.ts';
import type { Phase } from '../round.ts';
import { services } from '../converge/saga.ts';
import type { SagaSides } from '../sides/index.ts';
import { totalOf } from '../usage/groups.ts';
import {
  aloneOf,
  cpuMs,
  latency,
  medianOf,
  type Reader,
  type Rounds,
  saturation,
  valuesOf,
} from './medians.ts';

const B = 'Converge B';
const A = 'Converge A';
const LOCAL = 'Converge A, local broker';
/** What users would write without a kit: the first rival of each figure of layout B. */
const BY_HAND = 'by hand B';

/** Reads one figure of a side over all rounds. */
type Reading = (rounds: Rounds, side: string) => { readonly value: number; readonly spread: number };

/** A figure of a side beside the best of its rivals that were measured. */
interface Comparison {
  readonly name: string;
  readonly side: string;
  readonly rivals: readonly string[];
  readonly read: Reading;
  readonly bar: Bar;
  readonly unit: string;
  /** @default 1 */
  readonly digits?: number;
}

const report: Bar = { kind: 'report' };
const atMost = (ratio: number, aim?: number): Bar => ({
  kind: 'at most',
  ratio,
  ...(aim === undefined ? {} : { aim }),
});

/** The figures of the saga case, with their bars. */
export function figuresOfSagas(found: SagaSides, rounds: Rounds): readonly Figure[] {
  return [
    ...[...byHand(), ...inOneProcess()].map((one) => figureOf(found, rounds, one)),
    alone(rounds, 'statements'),
    alone(rounds, 'transactions'),
    idle(rounds),
    ...drills(rounds),
  ].map((figure) => ({ ...figure, ...noteOf(figure, rounds) }));
}

function inPhase(phase: Phase, read: Reader): Reading {
  return (rounds, side) => ({
    value: medianOf(rounds, side, phase, read),
    spread: spread(valuesOf(rounds, side, phase, read)),
  });
}

/** Four services in four processes, beside the same saga by hand. */
function byHand(): readonly Comparison[] {
  const compared = (name: string, read: Reading, bar: Bar, unit = ''): Comparison => ({
    ...{ name: `${name}, B`, side: B, rivals: [BY_HAND], read, bar, unit },
  });
  const at = (share: number, phase: Phase) => inPhase(phase, latency(share));
  const rate: Reader = ({ perSecond }) => perSecond;
  const walKiB: Reader = ({ perSaga }) => perSaga.walBytes / 1_024;
  const memory: Reader = ({ memoryMiB }) => memoryMiB.node / services.length;
  return [
    compared(
      'sagas/s, 128 at once',
      inPhase('with128', rate),
      { kind: 'at least', ratio: 0.85, aim: 1 },
      '/s',
    ),
    compared('CPU a saga, 128 at once', inPhase('with128', cpuMs), atMost(1.25, 1), 'ms'),
    compared('CPU a saga, at 20/s', inPhase('at20', cpuMs), atMost(1.25, 1.1), 'ms'),
    compared('p50 at 20/s', at(0.5, 'at20'), atMost(2, 1.25), 'ms'),
    compared('p99 at 20/s', at(0.99, 'at20'), atMost(2, 1.25), 'ms'),
    compared('p50 at 50/s', at(0.5, 'at50'), atMost(2, 1.25), 'ms'),
    compared('p99 at 50/s', at(0.99, 'at50'), atMost(2, 1.25), 'ms'),
    compared(
      'WAL a saga, 128 at once',
      inPhase('with128', walKiB),
      { kind: 'below', limit: 15, unit: 'KiB' },
      'KiB',
    ),
    compared(
      'statements a saga, 128 at once',
      inPhase('with128', ({ perSaga }) => perSaga.statements),
      report,
    ),
    compared(
      'transactions a saga, 128 at once',
      inPhase('with128', ({ perSaga }) => perSaga.transactions),
      report,
    ),
    compared(
      'memory of a process, 128 at once',
      inPhase('with128', memory),
      { kind: 'below', limit: 140, unit: 'MiB' },
      'MiB',
    ),
    {
      ...compared('sagas/s at saturation', saturation, report, '/s'),
      rivals: ['DBOS B', 'Restate B'],
    },
  ];
}

/** The saga in one process, beside engines that run it in one process. */
function inOneProcess(): readonly Comparison[] {
  const rivals = ['DBOS A'];
  const atLeast: Bar = { kind: 'at least', ratio: 1.2 };
  const rate = { read: saturation, unit: '/s', digits: 0 };
  return [
    { name: 'sagas/s at saturation, A on the local broker', side: LOCAL, rivals, bar: atLeast, ...rate },
    { name: 'sagas/s at saturation, A on Kafka', side: A, rivals, bar: atLeast, ...rate },
    {
      name: 'sagas/s at saturation, A on Kafka against Restate',
      side: A,
      rivals: ['Restate A'],
      bar: report,
      ...rate,
    },
    {
      ...{ name: 'p50 at 50/s, A on the local broker', side: LOCAL, rivals, bar: atMost(1.25), unit: 'ms' },
      read: inPhase('at50', latency(0.5)),
    },
  ];
}

function figureOf(
  found: SagaSides,
  rounds: Rounds,
  { name, side, rivals, read, bar, unit, digits = 1 }: Comparison,
): Figure {
  const measured = rivals
    .map((who) => ({ who, value: read(rounds, who).value, unit, digits }))
    .filter(({ value }) => Number.isFinite(value))
    .toSorted((one, other) => other.value - one.value);
  const best = bar.kind === 'at most' ? measured.at(-1) : measured[0];
  const ours = read(rounds, side);
  return {
    ...{ name, bar, ours: { value: ours.value, unit, digits }, rival: best, spread: ours.spread },
    ...(best === undefined ? { note: absenceOf(found, rounds, rivals) } : {}),
  };
}

function absenceOf({ absent }: SagaSides, rounds: Rounds, sides: readonly string[]): string {
  return sides
    .map((side) => {
      const why = rounds.failure(side) ?? absent.find(({ name }) => name === side)?.why;
      return `${side} absent: ${why ?? 'not measured'}`;
    })
    .join('; ');
}

function alone(rounds: Rounds, what: 'statements' | 'transactions'): Figure {
  const ours = aloneOf(rounds, B, what);
  const theirs = median(aloneOf(rounds, BY_HAND, what));
  return {
    name: `${what} a saga, alone, without idle polls, B`,
    bar: report,
    ours: { value: median(ours), unit: '', digits: 1 },
    rival: Number.isFinite(theirs) ? { value: theirs, unit: '', digits: 1, who: BY_HAND } : undefined,
    spread: spread(ours),
  };
}

function idle(rounds: Rounds): Figure {
  const cores = rounds.of(B).map(({ idle: { cores: used } }) => totalOf({ ...used, kafka: 0 }));
  return {
    name: 'idle: four processes of B and their Postgres sessions',
    bar: { kind: 'below', limit: 0.05, unit: 'cores' },
    ours: { value: median(cores), unit: 'cores', digits: 3 },
    rival: undefined,
    spread: spread(cores),
  };
}

/** The worst of the rounds counts: a drill shows what may happen. */
function drills(rounds: Rounds): readonly Figure[] {
  const drilled = rounds.of(B).map(({ drill }) => drill);
  const worst = (read: (drill: (typeof drilled)[number]) => number): number =>
    drilled.length === 0 ? Number.NaN : Math.max(...drilled.map(read));
  const figure = (name: string, limit: number, unit: string, value: number, digits = 0): Figure => ({
    name: `kill drill of B: ${name}`,
    bar: { kind: 'below', limit, unit },
    ours: { value, unit, digits },
    rival: undefined,
  });
  return [
    figure(
      'double external effects',
      0,
      'orders',
      worst(({ doubles }) => doubles),
    ),
    figure(
      'sagas not ended',
      0,
      'orders',
      worst(({ notEnded }) => notEnded),
    ),
    figure(
      'until all have ended',
      8,
      's',
      worst(({ allEndedAfterSeconds }) => allEndedAfterSeconds),
      1,
    ),
  ];
}

/** A figure without a value says why its side has none. */
function noteOf({ name, ours, note }: Figure, rounds: Rounds): { note?: string } {
  if (note !== undefined || (ours !== undefined && Number.isFinite(ours.value))) return {};
  const failure = rounds.failure(name.includes('local broker') ? LOCAL : name.includes('A on Kafka') ? A : B);
  return failure === undefined ? {} : { note: failure };
}
