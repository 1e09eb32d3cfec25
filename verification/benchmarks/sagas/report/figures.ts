import { median, spread } from '../../measure/statistics.ts';
import type { Bar, Figure } from '../../report/figure.ts';
import type { Phase } from '../round.ts';
import type { SagaSides } from '../sides/index.ts';
import { totalOf } from '../usage/groups.ts';
import {
  aloneOf,
  cpuMs,
  drillsOf,
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

/** The figures of the saga case, with their bars. */
export function figuresOfSagas(found: SagaSides, rounds: Rounds): readonly Figure[] {
  return [
    ...costs(rounds),
    ...rates(found, rounds),
    ...latencies(found, rounds),
    idle(rounds),
    ...drills(rounds),
  ].map((figure) => ({ ...figure, ...noteOf(figure, rounds) }));
}

function costs(rounds: Rounds): readonly Figure[] {
  const cost = (name: string, phase: Phase, read: Reader, limit: number, unit: string): Figure => ({
    name: `${name}, B`,
    bar: { kind: 'below', limit, unit },
    ours: { value: medianOf(rounds, B, phase, read), unit, digits: 1 },
    rival: dbos(rounds, phase, read, unit),
    spread: spread(valuesOf(rounds, B, phase, read)),
  });
  const statements: Reader = ({ perSaga }) => perSaga.statements;
  const transactions: Reader = ({ perSaga }) => perSaga.transactions;
  const wal: Reader = ({ perSaga }) => perSaga.walBytes / 1_024;
  return [
    alone(rounds, 'statements', 40),
    alone(rounds, 'transactions', 8),
    cost('statements per saga, 128 at once', 'with128', statements, 15, ''),
    cost('transactions per saga, 128 at once', 'with128', transactions, 3, ''),
    { ...cost('WAL per saga, 128 at once', 'with128', wal, 0, 'KiB'), bar: { kind: 'report' } },
    cost('CPU per saga of all processes, at 20/s', 'at20', cpuMs, 25, 'ms'),
    cost('CPU per saga of all processes, 128 at once', 'with128', cpuMs, 5, 'ms'),
  ];
}

function alone(rounds: Rounds, what: 'statements' | 'transactions', limit: number): Figure {
  const ours = aloneOf(rounds, B, what);
  const theirs = median(aloneOf(rounds, 'DBOS A', what));
  const measured = Number.isFinite(theirs);
  return {
    name: `${what} per saga, alone, without idle polls, B`,
    bar: { kind: 'below', limit, unit: '' },
    ours: { value: median(ours), unit: '', digits: 1 },
    rival: measured ? { value: theirs, unit: '', digits: 1, who: 'DBOS A' } : undefined,
    spread: spread(ours),
  };
}

function dbos(rounds: Rounds, phase: Phase, read: Reader, unit: string): Figure['rival'] {
  const value = medianOf(rounds, 'DBOS A', phase, read);
  return Number.isFinite(value) ? { value, unit, digits: 1, who: 'DBOS A' } : undefined;
}

function rates(found: SagaSides, rounds: Rounds): readonly Figure[] {
  const rate = (name: string, side: string, rivals: readonly string[], bar: Bar): Figure => {
    const { value, spread: apart } = saturation(rounds, side);
    const best = bestOf(rounds, rivals);
    return {
      name: `sagas/s at saturation, ${name}`,
      bar,
      ours: { value, unit: '/s' },
      rival: best && { ...best, unit: '/s' },
      spread: apart,
      ...(best === undefined ? { note: absenceOf(found, rounds, rivals) } : {}),
    };
  };
  const inA = ['DBOS A', 'Restate A'];
  return [
    rate('B against the better rival in A', B, inA, { kind: 'at least', ratio: 1 }),
    rate('B against the rivals in B', B, ['DBOS B', 'Restate B'], { kind: 'at least', ratio: 2 }),
    rate('A on the local broker', LOCAL, inA, { kind: 'at least', ratio: 1 }),
    rate('A on Kafka', A, inA, { kind: 'report' }),
    rate('A on the local broker against DBOS', LOCAL, ['DBOS A'], { kind: 'report' }),
  ];
}

function bestOf(
  rounds: Rounds,
  sides: readonly string[],
): { readonly value: number; readonly who: string } | undefined {
  const measured = sides
    .map((who) => ({ who, value: saturation(rounds, who).value }))
    .filter(({ value }) => Number.isFinite(value));
  return measured.toSorted((one, other) => other.value - one.value)[0];
}

function absenceOf({ absent }: SagaSides, rounds: Rounds, sides: readonly string[]): string {
  return sides
    .map((side) => {
      const why = rounds.failure(side) ?? absent.find(({ name }) => name === side)?.why;
      return `${side} absent: ${why ?? 'not measured'}`;
    })
    .join('; ');
}

function latencies(found: SagaSides, rounds: Rounds): readonly Figure[] {
  const rival = 'Restate B';
  const at = (name: string, share: number, bar: Bar, compared: boolean): Figure => {
    const read = latency(share);
    const theirs = medianOf(rounds, rival, 'at50', read);
    const measured = compared && Number.isFinite(theirs);
    return {
      name: `start → end of B at 50/s, ${name}`,
      bar,
      ours: { value: medianOf(rounds, B, 'at50', read), unit: 'ms', digits: 1 },
      rival: measured ? { value: theirs, unit: 'ms', digits: 1, who: rival } : undefined,
      spread: spread(valuesOf(rounds, B, 'at50', read)),
      ...(compared && !measured ? { note: absenceOf(found, rounds, [rival]) } : {}),
    };
  };
  return [
    at('p50', 0.5, { kind: 'at most', ratio: 1 }, true),
    at('p99', 0.99, { kind: 'at most', ratio: 1 }, true),
    at('p50, the aim', 0.5, { kind: 'below', limit: 30, unit: 'ms' }, false),
    at('p99, the aim', 0.99, { kind: 'below', limit: 80, unit: 'ms' }, false),
    at('p99.9', 0.999, { kind: 'report' }, true),
  ];
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
  const drilled = drillsOf(rounds, B);
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
      10,
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
