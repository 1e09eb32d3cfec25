import { withClient } from '../sides/side.ts';
import type { Judgement } from './judge.ts';
import { type Drilled, killDrill } from './load/drill.ts';
import { closedLoop, type Load, openLoop } from './load/loads.ts';
import { endsPerSecond, latenciesOf } from './load/rates.ts';
import { type RunPlace, type SideRun, warmUp, withSide } from './side-run.ts';
import type { SagaSide } from './sides/side.ts';
import { backendOf, checkpoint, forgetStatements } from './usage/database-sql.ts';
import type { ByGroup } from './usage/groups.ts';
import { type IdleUse, Meter, type PerSaga, perSaga } from './usage/meter.ts';

/** The loads of a round, in this order. */
export const phases = ['alone', 'at20', 'at50', 'with32', 'with128'] as const;
export type Phase = (typeof phases)[number];

/** The size of a round. */
export interface RoundSize {
  /** The time of load, shared among the phases, in milliseconds. */
  readonly loadMs: number;
  readonly idleMs: number;
  /** Orders in flight when the worker is killed; 0: no kill drill. */
  readonly inFlight: number;
  /** The longest wait for the last end of a phase, in milliseconds. */
  readonly patienceMs: number;
}

/** The share of the load's time, by phase. */
const SHARES: Readonly<Record<Phase, number>> = {
  alone: 0.1,
  at20: 0.15,
  at50: 0.35,
  with32: 0.2,
  with128: 0.2,
};

const RESTART_AFTER_MS = 1_000;

export interface PhaseResult {
  readonly sagas: number;
  /** The time between the readings that `perSaga` compares. */
  readonly seconds: number;
  readonly perSecond: number;
  /** From the intended start to the end, in milliseconds. */
  readonly latencies: readonly number[];
  readonly perSaga: PerSaga;
  readonly memoryMiB: ByGroup;
}

export interface DrillFigures extends Drilled, Pick<Judgement, 'doubles' | 'repeats'> {
  /** Contradictions of money and stock after the drill. One of the kit's own fails the benchmark. */
  readonly violations: number;
}
export type DrillResult = DrillFigures | { readonly absent: string };

export interface SideRound {
  readonly idle: IdleUse;
  readonly phases: Readonly<Record<Phase, PhaseResult>>;
  readonly drill: DrillResult;
}

/** A run whose money or stock does not add up: it fails the benchmark. */
export class SumViolated extends Error {}

/** Measures one side once, from its start to its judgement. */
export function measureRound(
  world: RunPlace,
  side: SagaSide,
  size: RoundSize,
  statements: boolean,
): Promise<SideRound> {
  return withSide(world, side, size.patienceMs, (run) =>
    withClient(world.stack.databaseUrl, async (client) => {
      if (statements) await forgetStatements(client);
      await warmUp(run);
      const { ends } = run.driver;
      const left = new Set([await backendOf(client), run.watchBackend]);
      const meter = new Meter(client, {
        side: run.open,
        kafka: side.kafka,
        statements,
        left,
        ownReads: () => ends.reads,
      });
      const idle = await ends.pauseWhile(() => meter.idle(size.idleMs));
      const results: Partial<Record<Phase, PhaseResult>> = {};
      for (const phase of phases) {
        await checkpoint(client);
        results[phase] = await measurePhase(run, meter, phase, SHARES[phase] * size.loadMs);
      }
      const before = await checked(side, run);
      if (before.notEnded > 0) throw new Error(`${before.notEnded} orders have not ended`);
      const drill = await drillOf(run, side, size);
      // Each phase has got its result in the loop.
      return { idle, phases: results as Record<Phase, PhaseResult>, drill };
    }),
  );
}

async function measurePhase(run: SideRun, meter: Meter, phase: Phase, ms: number): Promise<PhaseResult> {
  // The cost of a completed saga is measured alone; under load one of ten is refused.
  run.refusals = phase !== 'alone';
  const before = await meter.read();
  const load = await loadOf(run, phase, ms);
  const memoryMiB = meter.memoryMiB();
  const after = await meter.read(phase === 'alone' ? 'all' : 'at work');
  const sagas = load.offered.length;
  return {
    sagas,
    seconds: (after.atMs - before.atMs) / 1_000,
    perSecond: endsPerSecond(load),
    latencies: latenciesOf(load),
    perSaga: perSaga(before, after, sagas),
    memoryMiB,
  };
}

function loadOf({ driver }: SideRun, phase: Phase, ms: number): Promise<Load> {
  switch (phase) {
    case 'alone':
      return closedLoop(driver, { atOnce: 1, ms });
    case 'at20':
      return openLoop(driver, { perSecond: 20, ms });
    case 'at50':
      return openLoop(driver, { perSecond: 50, ms });
    case 'with32':
      return closedLoop(driver, { atOnce: 32, ms });
    case 'with128':
      return closedLoop(driver, { atOnce: 128, ms });
  }
}

async function drillOf(run: SideRun, side: SagaSide, { inFlight }: RoundSize): Promise<DrillResult> {
  const { worker } = run.open;
  if (inFlight === 0) return { absent: 'not asked for' };
  if (worker.kind === 'absent') return { absent: worker.why };
  const drilled = await killDrill(run.driver, worker, { inFlight, restartAfterMs: RESTART_AFTER_MS });
  const judgement = side.ours ? await checked(side, run) : await run.judge();
  const { doubles, repeats, violations } = judgement;
  return { ...drilled, doubles, repeats, violations: violations.length };
}

async function checked(side: SagaSide, run: SideRun): Promise<Judgement> {
  const judgement = await run.judge();
  if (judgement.violations.length > 0)
    throw new SumViolated(`${side.name}: ${judgement.violations.join('; ')}`);
  return judgement;
}
