import { Worthless } from '../measure/series.ts';
import { withClient } from '../sides/side.ts';
import type { Judgement } from './judge.ts';
import { killDrill } from './load/drill.ts';
import { closedLoop, endsPerSecond, latenciesOf, openLoop } from './load/loads.ts';
import { type RunPlace, type SideRun, warmUp, withSide } from './side-run.ts';
import type { SagaSide } from './sides/side.ts';
import { backendOf, forgetStatements } from './usage/database-sql.ts';
import { Meter, perSaga } from './usage/meter.ts';

/** The loads of a round, in this order: the share of its time, and how many orders are placed. */
const LOADS = {
  alone: { share: 0.1, load: { atOnce: 1 } },
  at20: { share: 0.15, load: { perSecond: 20 } },
  at50: { share: 0.35, load: { perSecond: 50 } },
  with32: { share: 0.2, load: { atOnce: 32 } },
  with128: { share: 0.2, load: { atOnce: 128 } },
} as const;
export type Phase = keyof typeof LOADS;
export const phases = Object.keys(LOADS) as Phase[];

export interface RoundSize {
  /** The time of load, shared among the phases, in milliseconds. */
  readonly loadMs: number;
  readonly idleMs: number;
  /** Orders in flight when the worker is killed. */
  readonly inFlight: number;
  /** The longest wait for the last end of a phase, in milliseconds. */
  readonly patienceMs: number;
}

export type PhaseResult = Awaited<ReturnType<typeof measurePhase>>;

export type SideRound = Awaited<ReturnType<typeof measureRound>>;

export function measureRound(world: RunPlace, side: SagaSide, size: RoundSize, statements: boolean) {
  return withSide(world, side, size.patienceMs, (run) =>
    withClient(world.stack.databaseUrl, async (client) => {
      if (statements) await forgetStatements(client);
      await warmUp(run);
      const { ends } = run.driver;
      const left = new Set([await backendOf(client), run.watchBackend]);
      const meter = new Meter(client, {
        processes: run.open.processes,
        kafka: side.kafka,
        statements,
        left,
        ownReads: () => ends.reads,
      });
      const idle = await ends.pauseWhile(() => meter.idle(size.idleMs));
      const results: Partial<Record<Phase, PhaseResult>> = {};
      for (const phase of phases) results[phase] = await measurePhase(run, meter, phase, size.loadMs);
      const before = await checked(side, run);
      if (before.notEnded > 0) throw new Error(`${before.notEnded} orders have not ended`);
      const drill = await drillOf(run, side, size);
      // Each phase has got its result in the loop.
      return { idle, phases: results as Record<Phase, PhaseResult>, drill };
    }),
  );
}

async function measurePhase(run: SideRun, meter: Meter, phase: Phase, loadMs: number) {
  // The cost of a completed saga is measured alone; under load one of ten is refused.
  run.refusals = phase !== 'alone';
  const before = await meter.read();
  const { share, load: how } = LOADS[phase];
  const ms = share * loadMs;
  const load = await ('atOnce' in how
    ? closedLoop(run.driver, { ...how, ms })
    : openLoop(run.driver, { ...how, ms }));
  const memoryMiB = meter.memoryMiB();
  const after = await meter.read(phase === 'alone' ? 'all' : 'at work');
  const sagas = load.offered.length;
  return {
    sagas,
    /** The time between the readings that `perSaga` compares. */
    seconds: (after.atMs - before.atMs) / 1_000,
    perSecond: endsPerSecond(load),
    /** From the intended start to the end, in milliseconds. */
    latencies: latenciesOf(load),
    perSaga: perSaga(before, after, sagas),
    memoryMiB,
  };
}

async function drillOf(run: SideRun, side: SagaSide, { inFlight }: RoundSize) {
  const drilled = await killDrill(run.driver, run.open.worker, inFlight);
  const judgement = side.ours ? await checked(side, run) : await run.judge();
  const { doubles, repeats, violations } = judgement;
  // Contradictions of money and stock after the drill. One of the kit's own fails the benchmark.
  return { ...drilled, doubles, repeats, violations: violations.length };
}

async function checked(side: SagaSide, run: SideRun): Promise<Judgement> {
  const judgement = await run.judge();
  // Figures of a run whose money or stock does not add up are worth nothing.
  if (judgement.violations.length > 0)
    throw new Worthless(`${side.name}: ${judgement.violations.join('; ')}`);
  return judgement;
}
