import { type Clock, seededRandom, systemClock } from '@convergekit/core';
import type { Progress } from '../demo/show/progress.ts';
import { behaveAs } from '../demo/faults/faults.ts';
import { drive, type Driven } from './drive.ts';
import { planFaults } from './faults.ts';
import { type Check, type Judgement, judge, passed } from './judge.ts';
import { untilAtRest } from './liveness.ts';
import { reconciled } from './reconciled.ts';
import { badWeather, calm } from './weather.ts';
import type { World } from './world.ts';

export interface CampaignOptions {
  readonly world: World;
  readonly serverUrl: string;
  readonly orders: number;
  readonly transfers: number;
  readonly seed: number;
  /** The mean delay between two faults, in milliseconds. @default 2_500 */
  readonly faultEveryMs?: number;
  /** Requests in flight of each kind. @default 8 */
  readonly atOnce?: number;
  /** The deadline for all sagas to end after the last fault, in milliseconds. @default 180_000 */
  readonly restMs?: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface CampaignResult extends Judgement {
  readonly faults: ReadonlyMap<string, number>;
  readonly restarts: number;
  readonly driveMs: number;
  /** The time from the last fault until no work was open, in milliseconds. */
  readonly restMs: number;
  readonly passed: boolean;
}

const clock: Clock = systemClock;

/**
 * Runs orders and transfers under fault after fault; then repairs everything, awaits the end of all sagas, and checks.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { world, serverUrl, seed, progress, signal, restMs = 180_000 } = options;
  await badWeather(world.exposed, seed);
  const began = clock.monotonic();
  const faults = new Map<string, number>();
  const over = new AbortController();
  const failing = inflict(options, faults, AbortSignal.any([signal, over.signal]));
  let driven: Driven;
  try {
    driven = await ask(options);
  } finally {
    over.abort();
    await failing;
  }
  await repairAll(world);
  const repaired = clock.monotonic();
  progress.note('all requests are answered and the faults are over; waiting until all is at rest');
  const still = await untilAtRest(world, {
    ...{ clock, signal, deadlineMs: restMs },
    onWait: (what) => progress.status(what),
  });
  const rested = clock.monotonic();
  progress.note(still === undefined ? 'at rest; the judge reads' : `not at rest: ${still}`);
  const { checks, ...judgement } = await judge(world, serverUrl, driven);
  const alive: Check = {
    claim: 'all came to rest in time once the faults were over',
    looked: 1,
    findings: still === undefined ? [] : [still],
  };
  // Last: until here nothing was repaired.
  const all = [alive, ...checks, ...(await reconciled(world))];
  return {
    ...judgement,
    faults,
    checks: all,
    restarts: world.children.reduce((sum, { restarts }) => sum + restarts, 0),
    driveMs: repaired - began,
    restMs: rested - repaired,
    passed: all.every(passed),
  };
}

async function ask({ world, orders, transfers, seed, atOnce = 8, progress, signal }: CampaignOptions) {
  const answered = { order: 0, transfer: 0 };
  return drive({
    ...{ world, orders, transfers, seed, atOnce, clock, signal },
    onAnswer: (what) => {
      answered[what] += 1;
      progress.status(`answered: ${answered.order} orders, ${answered.transfer} transfers`);
    },
  });
}

async function inflict(
  { world, seed, progress, faultEveryMs = 2_500 }: CampaignOptions,
  counts: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  for (const { fault, pick, afterMs } of planFaults(seededRandom(seed), faultEveryMs)) {
    await clock.sleep(afterMs, signal);
    if (signal.aborted) return;
    try {
      progress.note(`${fault.kind}: ${await fault.run(world, pick)}`);
      counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
    } catch (error) {
      // A fault may prevent another: a killed provider cannot be made to hang.
      progress.note(`${fault.kind}: not now (${error instanceof Error ? error.message : String(error)})`);
    }
  }
}

async function repairAll(world: World): Promise<void> {
  await calm(world.exposed);
  for (;;) {
    const well = await behaveAs(world.shop, { mode: 'normal' }).then(
      () => true,
      () => false,
    );
    if (well) return;
    await clock.sleep(200);
  }
}
