import { seededRandom, systemClock, systemRandom } from '@converge/runtime';
import { audit, type Dump, passed, type Verdict } from './audit/audit.ts';
import { restless } from './collect/quiet.ts';
import {
  countRepairs,
  countTakeovers,
  dumpEffects,
  dumpOutboxes,
  dumpShop,
  dumpSteps,
  standing,
} from './collect/sql-dump.ts';
import { dumpTopics } from './collect/topic-dump.ts';
import { type Drive, drive, type Driven } from './drive/driver.ts';
import type { Scene } from './faults/script.ts';
import { duplicatesDropped, latencies, showLatency } from './show/figures.ts';
import type { Progress } from './show/progress.ts';
import { subscriptions } from './subscriptions.ts';
import type { World } from './world.ts';

export interface DemoOptions {
  readonly world: World;
  readonly scenes: readonly Scene[];
  readonly perSecond: number;
  readonly seconds: number;
  readonly seed: number;
  /** Keys that the scenes make drift, so that the rest is awaited. */
  readonly drifted: () => number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** How long the shop may take to come to rest, milliseconds. @default 60_000 */
  readonly restMs?: number;
}

export interface Outcome {
  readonly verdicts: readonly Verdict[];
  readonly figures: readonly (readonly [string, string])[];
  readonly passed: boolean;
  /** What was looked at, for whoever wants to see for themselves. */
  readonly dump: Dump;
}

/** Drives customers through the scenes, waits until the shop is at rest, and audits it. */
export async function runDemo(options: DemoOptions): Promise<Outcome> {
  const { world, scenes, perSecond, seconds, seed, progress, signal } = options;
  const driving = drive({
    customer: { url: world.ordersUrl, clock: systemClock, random: systemRandom, signal },
    perSecond,
    seconds,
    random: seededRandom(seed),
  });
  // Nothing is broken before the first scene.
  const calmUntilMs = systemClock.now() + (scenes[0]?.at ?? 1) * seconds * 1_000;
  const watching = watch(options, driving);
  try {
    await Promise.all([driving.done, play(scenes, seconds * 1_000, progress, signal)]);
    signal.throwIfAborted();
    progress.note(`all ${driving.answered.length} orders are answered; waiting until the shop is at rest`);
    await untilAtRest(options);
  } finally {
    watching.stop();
  }
  progress.note('at rest; the audit reads every database, and every topic with Kafka’s own console consumer');
  return judge(world, driving.answered, calmUntilMs);
}

async function play(
  scenes: readonly Scene[],
  totalMs: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const begin = systemClock.monotonic();
  for (const scene of scenes) {
    await systemClock.sleep(Math.max(0, begin + scene.at * totalMs - systemClock.monotonic()), signal);
    if (signal.aborted) return;
    progress.note(`${scene.name}: ${await scene.run()}`);
  }
}

function watch({ world, progress, signal }: DemoOptions, driving: Drive): { stop(): void } {
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  const over = (): boolean => either.aborted;
  const loop = async (): Promise<void> => {
    while (!over()) {
      const now = await standing(world.databases).catch(() => undefined);
      if (now !== undefined && !over()) {
        const { placed, confirmed, cancelled } = now;
        progress.status(
          `sent ${driving.sent}, answered ${driving.answered.length}: open ${placed}, completed ${confirmed}, compensated ${cancelled}`,
        );
      }
      await systemClock.sleep(500, either);
    }
  };
  void loop();
  return { stop: () => stopped.abort() };
}

async function untilAtRest({
  world,
  drifted,
  signal,
  restMs = 60_000,
  progress,
}: DemoOptions): Promise<void> {
  const end = systemClock.monotonic() + restMs;
  for (;;) {
    signal.throwIfAborted();
    const still = await restless(world.databases, drifted());
    if (still === undefined) return;
    // Not an error here: the audit names what is wrong, with the events it concerns.
    if (systemClock.monotonic() > end)
      return progress.note(`not at rest after ${restMs / 1_000} s: ${still}`);
    await systemClock.sleep(200, signal);
  }
}

async function judge(world: World, answered: readonly Driven[], calmUntilMs: number): Promise<Outcome> {
  const { databases } = world;
  // The log first: an event that is in it must be in an outbox that is read later.
  const log = await dumpTopics(world.brokers, world.topics);
  const [outbox, effects, steps, shop] = await Promise.all([
    dumpOutboxes(databases),
    dumpEffects(databases),
    dumpSteps(databases),
    dumpShop(databases),
  ]);
  const dump: Dump = { outbox, log, effects, steps, shop, answered };
  const verdicts = audit(dump, subscriptions);
  const of = (state: string): number => shop.orders.filter((order) => order.state === state).length;
  const resent = answered.filter(({ attempts }) => attempts > 1).length;
  const figures = [
    ['placed', `${shop.orders.length} orders (${resent} of them sent more than once)`],
    ['completed', String(of('confirmed'))],
    ['compensated', String(of('cancelled'))],
    ['reconciled', `${await countRepairs(databases)} keys`],
    ['events', `${outbox.length} in ${world.topics.length} topics`],
    ['duplicates dropped', String(duplicatesDropped(log, subscriptions))],
    ['takeovers', String(await countTakeovers(databases))],
    ['restarts by the supervisor', String(world.children.reduce((sum, { restarts }) => sum + restarts, 0))],
    ['commit → effect, p50 / p99', showLatency(latencies(outbox, effects))],
    ['… before the first fault', showLatency(latencies(outbox, effects, calmUntilMs))],
  ] as const;
  return { verdicts, figures, passed: passed(verdicts), dump };
}
