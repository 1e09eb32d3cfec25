import { quantile } from '../../measure/statistics.ts';
import type { SideRound } from '../round.ts';
import { totalOf } from '../usage/groups.ts';

/** Says in one line what a round measured, for the terminal. */
export function lineOf({ phases, idle, drill }: SideRound): string {
  const { alone, at50, with32, with128 } = phases;
  const at = (share: number): string => quantile(at50.latencies, share).toFixed(1);
  return [
    `${with32.perSecond.toFixed(0)} and ${with128.perSecond.toFixed(0)} sagas/s with 32 and 128 at once`,
    `p50 ${at(0.5)} ms and p99 ${at(0.99)} ms at 50/s`,
    `alone ${alone.perSaga.statements.toFixed(0)} statements and ${alone.perSaga.transactions.toFixed(0)} transactions`,
    `CPU ${totalOf(with128.perSaga.cpuMs).toFixed(1)} ms a saga`,
    `idle ${totalOf(idle.cores).toFixed(3)} cores`,
    'absent' in drill
      ? 'no kill drill'
      : `all ended ${drill.allEndedAfterSeconds.toFixed(1)} s after the kill, ${drill.doubles} double, ${drill.notEnded} not ended`,
  ].join(', ');
}
