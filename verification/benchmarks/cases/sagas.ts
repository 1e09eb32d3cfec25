import type { Case, CaseResult, World } from '../case.ts';
import { race, type Series } from '../measure/series.ts';
import { quantile } from '../measure/statistics.ts';
import { measureRound, type RoundSize, type SideRound } from '../sagas/round.ts';
import { figuresOfSagas } from '../sagas/report/figures.ts';
import { sagaPlots } from '../sagas/report/plots.ts';
import { absentTable, roundTables } from '../sagas/report/tables.ts';
import { findSagaSides, type SagaSides } from '../sagas/sides/index.ts';
import type { SagaSide } from '../sagas/sides/side.ts';
import { countStatements, stopCounting } from '../sagas/usage/database-sql.ts';
import { totalOf } from '../sagas/usage/groups.ts';
import type { Settings } from '../settings.ts';
import { withClient } from '../sides/side.ts';

/** The order saga of four steps: the kit in both layouts, DBOS and Restate. */
export const sagasCase: Case = {
  name: 'sagas',
  title: 'An order saga of four steps',
  logical: false,
  async run(world) {
    const found = await findSagaSides(world.say, world.settings.sides);
    const statements = await withClient(world.stack.databaseUrl, countStatements).catch(() => false);
    if (!statements)
      world.say('sagas: statements are not counted: Postgres has not loaded pg_stat_statements');
    try {
      return resultOf(found, await measureAll(world, found, statements));
    } finally {
      await withClient(world.stack.databaseUrl, stopCounting).catch(() => undefined);
    }
  },
};

function measureAll(world: World, { sides }: SagaSides, statements: boolean): Promise<Series<SideRound>> {
  const size = sizeOf(world.settings);
  return race<SagaSide, SideRound>({
    name: 'sagas',
    sides,
    nameOf: ({ name }) => name,
    rounds: world.settings.rounds,
    say: world.say,
    // Kafka's JVM compiles meanwhile, which the side that came first would pay for.
    warmUp: sides.some(({ kafka }) => kafka),
    measure: (side) => measureRound(world, side, size, statements),
    line: lineOf,
  });
}

function sizeOf({ quick, minutes }: Settings): RoundSize {
  return {
    loadMs: minutes * 60_000,
    idleMs: quick ? 2_000 : 20_000,
    inFlight: quick ? 100 : 1_000,
    patienceMs: quick ? 120_000 : 300_000,
  };
}

function resultOf(found: SagaSides, series: Series<SideRound>): CaseResult {
  return {
    figures: figuresOfSagas(found, series),
    plots: sagaPlots(found.sides, series),
    rounds: [...roundTables(found.sides, series), absentTable(found, series)].join('\n\n'),
  };
}

function lineOf({ phases, idle, drill }: SideRound): string {
  const { alone, at50, with32, with128 } = phases;
  const at = (share: number): string => quantile(at50.latencies, share).toFixed(1);
  return [
    `${with32.perSecond.toFixed(0)} and ${with128.perSecond.toFixed(0)} sagas/s with 32 and 128 at once`,
    `p50 ${at(0.5)} ms and p99 ${at(0.99)} ms at 50/s`,
    `alone ${alone.perSaga.statements.toFixed(0)} statements and ${alone.perSaga.transactions.toFixed(0)} transactions`,
    `CPU ${totalOf(with128.perSaga.cpuMs).toFixed(1)} ms a saga`,
    `idle ${totalOf(idle.cores).toFixed(3)} cores`,
    `all ended ${drill.allEndedAfterSeconds.toFixed(1)} s after the kill, ${drill.doubles} double, ${drill.notEnded} not ended`,
  ].join(', ');
}
