import type { Judgement } from '../demo/audit/audit.ts';
import { type Outcome, runDemo } from '../demo/demo.ts';
import type { Progress } from '../demo/show/progress.ts';
import type { World } from '../demo/world.ts';
import type { LoadPattern, Scenario } from './scenario.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly load: LoadPattern;
  readonly seed: number;
  readonly judgement: Judgement;
  readonly outcome: Outcome;
  readonly figures: readonly (readonly [string, string])[];
  readonly invariants: readonly JudgedInvariant[];
}

export interface JudgedInvariant {
  readonly claim: string;
  readonly looked: number;
  readonly wrong: readonly string[];
}

export interface RunOptions {
  readonly world: World;
  readonly scenario: Scenario;
  /** @default the scenario's own */
  readonly load?: LoadPattern;
  readonly seed: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Runs one scenario in a fresh world and judges it. */
export async function runScenario(options: RunOptions): Promise<ScenarioRun> {
  const { world, scenario, seed, progress, signal, load = scenario.load } = options;
  const figures: [string, string][] = [];
  let drifted = 0;
  const { scenes, invariants: claims } = scenario.play({
    world,
    figure: (name, value) => void figures.push([name, value]),
    drifted: (keys) => (drifted += keys),
    signal,
  });
  const outcome = await runDemo({
    world,
    scenes,
    ...load,
    seed,
    drifted: () => drifted,
    progress,
    signal,
  });
  const invariants: JudgedInvariant[] = [];
  for (const { claim, check } of claims) invariants.push({ claim, ...(await check({ world, outcome })) });
  const judgement =
    outcome.judgement === 'agrees' && !invariants.every(holds) ? 'disagrees' : outcome.judgement;
  return { scenario, load, seed, judgement, outcome, figures, invariants };
}

export function holds({ looked, wrong }: JudgedInvariant): boolean {
  return looked > 0 && wrong.length === 0;
}
