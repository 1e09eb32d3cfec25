import { type Case, type CaseResult, type World } from '../case.ts';
import { Series } from '../measure/series.ts';
import { measureRound, type RoundSize, type SideRound, SumViolated } from '../sagas/round.ts';
import { lineOf } from '../sagas/report/line.ts';
import { figuresOfSagas } from '../sagas/report/figures.ts';
import { METHOD } from '../sagas/report/method.ts';
import { sagaPlots } from '../sagas/report/plots.ts';
import { absentTable, roundTables } from '../sagas/report/tables.ts';
import { findSagaSides, type SagaSides } from '../sagas/sides/index.ts';
import { countStatements, stopCounting } from '../sagas/usage/database-sql.ts';
import type { Settings } from '../settings.ts';
import { withClient } from '../sides/side.ts';
import { inTurn } from './drain.ts';

/** The order saga of four steps: the kit in both layouts, DBOS and Restate. */
export const sagasCase: Case = {
  name: 'sagas',
  title: 'An order saga of four steps',
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

async function measureAll(
  world: World,
  { sides }: SagaSides,
  statements: boolean,
): Promise<Series<SideRound>> {
  const series = new Series<SideRound>();
  const warming = new Series<SideRound>();
  const size = sizeOf(world.settings);
  // Round 0 counts for nothing: Kafka's JVM compiles meanwhile, which the side that came first would pay for.
  const first = sides.some(({ kafka }) => kafka) ? 0 : 1;
  for (let round = first; round <= world.settings.rounds; round += 1)
    for (const side of inTurn(sides, round)) {
      let violated: SumViolated | undefined;
      const kept = round === 0 ? warming : series;
      const measured = await kept.round(side.name, async () => {
        try {
          return await measureRound(world, side, size, statements);
        } catch (error) {
          if (error instanceof SumViolated) violated = error;
          throw error;
        }
      });
      // Figures of a run whose money does not add up are worth nothing.
      if (violated !== undefined) throw violated;
      world.say(
        measured === undefined
          ? `sagas, round ${round}: ${side.name} failed: ${kept.failure(side.name) ?? ''}`
          : `sagas, round ${round}: ${side.name} ${lineOf(measured)}`,
      );
    }
  return series;
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
    method: METHOD,
  };
}
