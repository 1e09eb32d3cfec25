import { median, quantile, spread } from '../../measure/statistics.ts';
import type { Bar, Figure } from '../../report/figure.ts';
import type { Phase, PhaseResult, SideRound } from '../round.ts';
import { services } from '../order.ts';
import type { SagaSides } from '../sides/index.ts';
import { totalOf } from '../usage/groups.ts';
import type { Series } from '../../measure/series.ts';

export type Rounds = Series<SideRound>;

export type Reader = (result: PhaseResult) => number;

export const cpuMs: Reader = ({ perSaga }) => totalOf(perSaga.cpuMs);
const latency =
  (share: number): Reader =>
  ({ latencies }) =>
    quantile(latencies, share);

export function valuesOf(rounds: Rounds, side: string, phase: Phase, read: Reader): readonly number[] {
  return rounds.of(side).map(({ phases }) => read(phases[phase]));
}

/** Reads the cost of a saga alone: what is used without load in the same time is subtracted. */
const aloneOf =
  (what: 'statements' | 'transactions') =>
  (rounds: Rounds, side: string): readonly number[] =>
    rounds.of(side).map(({ idle, phases }) => {
      const { perSaga, seconds, sagas } = phases.alone;
      return perSaga[what] - (idle[`${what}PerSecond`] * seconds) / sagas;
    });

/** The rates of a side at saturation: those of the better of its two loads, in sagas per second. */
function saturation(rounds: Rounds, side: string): readonly number[] {
  const loads = (['with32', 'with128'] as const).map((phase) =>
    valuesOf(rounds, side, phase, ({ perSecond }) => perSecond),
  );
  return loads.reduce((one, other) => (median(other) > median(one) ? other : one));
}

const B = 'Converge B';
const A = 'Converge A';
const LOCAL = 'Converge A, local broker';
/** What users would write without a kit: the first rival of each figure of layout B. */
const BY_HAND = 'by hand B';

/** Reads one figure of a side in every round. */
type Reading = (rounds: Rounds, side: string) => readonly number[];

/** A figure of a side beside the best of its rivals that were measured. */
interface Comparison {
  readonly name: string;
  readonly side: string;
  readonly rivals: readonly string[];
  readonly read: Reading;
  /** @default report */
  readonly bar?: Bar | undefined;
  readonly unit: string;
  /** @default 1 */
  readonly digits?: number;
}

const atMost = (ratio: number, aim?: number): Bar => ({ kind: 'at most', ratio, aim });
const below = (limit: number, unit: string): Bar => ({ kind: 'below', limit, unit });

export function figuresOfSagas(found: SagaSides, rounds: Rounds): readonly Figure[] {
  const compared = [...byHand(), ...inOneProcess(), ...atRest()];
  return [...compared.map((one) => figureOf(found, rounds, one)), ...drills(rounds)];
}

const inPhase =
  (phase: Phase, read: Reader): Reading =>
  (rounds, side) =>
    valuesOf(rounds, side, phase, read);

/** Four services in four processes, beside the same saga by hand. */
function byHand(): readonly Comparison[] {
  const compared = (name: string, read: Reading, bar?: Bar, unit = ''): Comparison => ({
    name: `${name}, B`,
    side: B,
    rivals: [BY_HAND],
    read,
    bar,
    unit,
  });
  const full = (read: Reader) => inPhase('with128', read);
  const at = (share: number, phase: Phase) => inPhase(phase, latency(share));
  const rate = full(({ perSecond }) => perSecond);
  const walKiB = full(({ perSaga }) => perSaga.walBytes / 1_024);
  const memory = full(({ memoryMiB }) => memoryMiB.node / services.length);
  const statements = full(({ perSaga }) => perSaga.statements);
  const transactions = full(({ perSaga }) => perSaga.transactions);
  return [
    compared('sagas/s, 128 at once', rate, { kind: 'at least', ratio: 0.85, aim: 1 }, '/s'),
    compared('CPU a saga, 128 at once', full(cpuMs), atMost(1.25, 1), 'ms'),
    compared('CPU a saga, at 20/s', inPhase('at20', cpuMs), atMost(1.25, 1.1), 'ms'),
    compared('p50 at 20/s', at(0.5, 'at20'), atMost(2, 1.25), 'ms'),
    compared('p99 at 20/s', at(0.99, 'at20'), atMost(2, 1.25), 'ms'),
    compared('p50 at 50/s', at(0.5, 'at50'), atMost(2, 1.25), 'ms'),
    compared('p99 at 50/s', at(0.99, 'at50'), atMost(2, 1.25), 'ms'),
    compared('WAL a saga, 128 at once', walKiB, below(15, 'KiB'), 'KiB'),
    compared('statements a saga, 128 at once', statements),
    compared('transactions a saga, 128 at once', transactions),
    compared('memory of a process, 128 at once', memory, below(140, 'MiB'), 'MiB'),
    { ...compared('sagas/s at saturation', saturation, undefined, '/s'), rivals: ['DBOS B', 'Restate B'] },
  ];
}

/** The saga in one process, beside engines that run it in one process. */
function inOneProcess(): readonly Comparison[] {
  const rivals = ['DBOS A'];
  const bar: Bar = { kind: 'at least', ratio: 1.2 };
  const rate = { read: saturation, unit: '/s', digits: 0 };
  const onKafka = 'sagas/s at saturation, A on Kafka';
  return [
    { name: 'sagas/s at saturation, A on the local broker', side: LOCAL, rivals, bar, ...rate },
    { name: onKafka, side: A, rivals, bar, ...rate },
    { name: `${onKafka} against Restate`, side: A, rivals: ['Restate A'], ...rate },
    {
      name: 'p50 at 50/s, A on the local broker',
      side: LOCAL,
      rivals,
      unit: 'ms',
      bar: atMost(1.25),
      read: inPhase('at50', latency(0.5)),
    },
  ];
}

/** What a saga costs alone, and what the processes cost while there is none. */
function atRest(): readonly Comparison[] {
  return [
    ...(['statements', 'transactions'] as const).map((what) => ({
      name: `${what} a saga, alone, without idle polls, B`,
      side: B,
      rivals: [BY_HAND],
      unit: '',
      read: aloneOf(what),
    })),
    {
      name: 'idle: four processes of B and their Postgres sessions',
      side: B,
      rivals: [],
      bar: below(0.05, 'cores'),
      unit: 'cores',
      digits: 3,
      read: (rounds, side) => rounds.of(side).map(({ idle: { cores } }) => totalOf({ ...cores, kafka: 0 })),
    },
  ];
}

/** A figure without a value, or without a rival, says why it has none. */
function figureOf(
  found: SagaSides,
  rounds: Rounds,
  { name, side, rivals, read, bar, unit, digits = 1 }: Comparison,
): Figure {
  const measured = rivals
    .map((who) => ({ who, value: median(read(rounds, who)), unit, digits }))
    .filter(({ value }) => Number.isFinite(value))
    .toSorted((one, other) => other.value - one.value);
  const best = bar?.kind === 'at most' ? measured.at(-1) : measured[0];
  const ours = read(rounds, side);
  const absence = best === undefined && rivals.length > 0 ? absenceOf(found, rounds, rivals) : undefined;
  return {
    name,
    bar,
    ours: { value: median(ours), unit, digits },
    rival: best,
    spread: spread(ours),
    note: absence ?? (ours.length === 0 ? rounds.failure(side) : undefined),
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

/** The worst of the rounds counts: a drill shows what may happen. */
function drills(rounds: Rounds): readonly Figure[] {
  const drilled = rounds.of(B).map(({ drill }) => drill);
  type Drill = (typeof drilled)[number];
  const worst = (name: string, limit: number, unit: string, read: (drill: Drill) => number): Figure => ({
    name: `kill drill of B: ${name}`,
    bar: below(limit, unit),
    ours: {
      value: drilled.length === 0 ? Number.NaN : Math.max(...drilled.map(read)),
      unit,
      digits: unit === 's' ? 1 : 0,
    },
    note: drilled.length === 0 ? rounds.failure(B) : undefined,
  });
  return [
    worst('double external effects', 0, 'orders', ({ doubles }) => doubles),
    worst('sagas not ended', 0, 'orders', ({ notEnded }) => notEnded),
    worst('until all have ended', 8, 's', ({ allEndedAfterSeconds }) => allEndedAfterSeconds),
  ];
}
