import type { Series } from '../../measure/series.ts';
import { median, quantile, spread } from '../../measure/statistics.ts';
import type { Phase, PhaseResult, SideRound } from '../round.ts';
import { totalOf } from '../usage/groups.ts';

export type Rounds = Series<SideRound>;

/** Reads one figure of a phase. */
export type Reader = (result: PhaseResult) => number;

export const cpuMs: Reader = ({ perSaga }) => totalOf(perSaga.cpuMs);
export const latency =
  (share: number): Reader =>
  ({ latencies }) =>
    quantile(latencies, share);

export function valuesOf(rounds: Rounds, side: string, phase: Phase, read: Reader): readonly number[] {
  return rounds.of(side).map(({ phases }) => read(phases[phase]));
}

/** The median over the rounds of a side; NaN without one. */
export function medianOf(rounds: Rounds, side: string, phase: Phase, read: Reader): number {
  return median(valuesOf(rounds, side, phase, read));
}

/** The cost of a saga alone, by round: what is used without load in the same time is subtracted. */
export function aloneOf(
  rounds: Rounds,
  side: string,
  what: 'statements' | 'transactions',
): readonly number[] {
  return rounds.of(side).map(({ idle, phases }) => {
    const { perSaga, seconds, sagas } = phases.alone;
    return perSaga[what] - (idle[`${what}PerSecond`] * seconds) / sagas;
  });
}

/** The rate of a side at saturation: the better of its two loads, in sagas per second. */
export function saturation(
  rounds: Rounds,
  side: string,
): { readonly value: number; readonly spread: number } {
  const rate: Reader = ({ perSecond }) => perSecond;
  const loads = (['with32', 'with128'] as const).map((phase) => valuesOf(rounds, side, phase, rate));
  const best = loads.reduce((one, other) => (median(other) > median(one) ? other : one));
  return { value: median(best), spread: spread(best) };
}
