import { seededRandom, systemClock, systemRandom } from '@convergekit/core';
import { audit, type Dump, type Judgement, overall, type Verdict } from './audit/audit.ts';
import { lookAtShop, type Look, untilRest } from './collect/rest.ts';
import {
  countTakeovers,
  dumpEffects,
  dumpOutboxes,
  dumpShop,
  dumpSteps,
  outboxEnds,
  standing,
} from './collect/sql-dump.ts';
import { type Repair, repairsOf } from './collect/repairs-sql.ts';
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
}

/** How long nothing may change, with things open, before the audit begins without waiting, milliseconds. */
const NO_PROGRESS_MS = 60_000;

export interface Outcome {
  readonly verdicts: readonly Verdict[];
  readonly figures: readonly (readonly [string, string])[];
  readonly judgement: Judgement;
  /** What the reconcilers repaired, by their audit. */
  readonly repairs: readonly Repair[];
  /** Everything that the audit looked at, to look into by hand. */
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
  // The first scene comes after this time; no fault happens before.
  const calmUntilMs = systemClock.now() + (scenes[0]?.at ?? 1) * seconds * 1_000;
  const watching = watch(options, driving);
  try {
    await Promise.all([driving.done, play(scenes, seconds * 1_000, progress, signal)]);
    signal.throwIfAborted();
    progress.note(`all ${driving.answered.length} orders are answered; waiting until the shop is at rest`);
    return await settleAndJudge(options, driving.answered, calmUntilMs);
  } finally {
    watching.stop();
  }
}

/** Audits without open work. If the shop changed while the audit read, waits and reads again, a few times at most. */
async function settleAndJudge(
  options: DemoOptions,
  answered: readonly Driven[],
  calmUntilMs: number,
): Promise<Outcome> {
  const { world, drifted, progress, signal } = options;
  const admin = await world.broker.admin();
  const look = (): Promise<Look> =>
    lookAtShop(world.databases, admin, world.topics, drifted()).catch(unanswered);
  try {
    for (let round = 1; ; round += 1) {
      const rest = await untilRest({ look, clock: systemClock, signal, noProgressMs: NO_PROGRESS_MS });
      if (!rest.atRest)
        progress.note(`no progress for ${NO_PROGRESS_MS / 1_000} s: ${rest.look.waitingFor ?? 'nothing'}`);
      progress.note(`the audit reads every database, and every topic ${world.logReader}`);
      const dump = await dumpAll(world, answered);
      const after = await look();
      const settled = rest.atRest && after.waitingFor === undefined && after.read === rest.look.read;
      if (settled || !rest.atRest || round === MAX_ROUNDS)
        return await judge(world, dump, settled, { answered, calmUntilMs });
    }
  } finally {
    await admin.close();
  }
}

const MAX_ROUNDS = 3;

/** Maps a failed look to no progress: a broker that was just restarted has no leaders yet. */
function unanswered(error: unknown): Look {
  const reason = error instanceof Error ? error.message : String(error);
  return { waitingFor: `an answer (${reason})`, open: Infinity, read: -1 };
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

async function dumpAll({ databases, readLog }: World, answered: readonly Driven[]): Promise<Dump> {
  const before = await outboxEnds(databases);
  // The log is read first: its events must be in an outbox that is read later.
  const log = await readLog();
  const [outbox, effects, steps, shop] = await Promise.all([
    dumpOutboxes(databases),
    dumpEffects(databases),
    dumpSteps(databases),
    dumpShop(databases),
  ]);
  return { outbox, before, log, effects, steps, shop, answered };
}

async function judge(
  world: World,
  dump: Dump,
  settled: boolean,
  { answered, calmUntilMs }: { readonly answered: readonly Driven[]; readonly calmUntilMs: number },
): Promise<Outcome> {
  const { databases } = world;
  const { outbox, log, effects, shop } = dump;
  const verdicts = audit(dump, subscriptions, settled);
  const of = (state: string): number => shop.orders.filter((order) => order.state === state).length;
  const resent = answered.filter(({ attempts }) => attempts > 1).length;
  const repairs = await repairsOf(databases);
  const figures = [
    ['placed', `${shop.orders.length} orders (${resent} of them sent more than once)`],
    ['completed', String(of('confirmed'))],
    ['compensated', String(of('cancelled'))],
    ['drift found and repaired', `${repairs.length} keys`],
    ['events', `${outbox.length} in ${world.topics.length} topics`],
    ['duplicates dropped', String(duplicatesDropped(log, subscriptions))],
    ['takeovers', String(await countTakeovers(databases))],
    ['restarts by the supervisor', String(world.children.reduce((sum, { restarts }) => sum + restarts, 0))],
    ['commit → effect, p50 / p99', showLatency(latencies(outbox, effects))],
    ['… before the first fault', showLatency(latencies(outbox, effects, calmUntilMs))],
  ] as const;
  return { verdicts, figures, judgement: overall(verdicts, settled), repairs, dump };
}
