import type { Case, CaseResult, World } from '../case.ts';
import { changeOnePercent, checkAnswer, digestPass, openTables, reladiffPass } from '../reconcile/digests.ts';
import { measureOnOff } from '../reconcile/on-off.ts';
import { rateOf, runGraphile, runOurs } from '../reconcile/queue.ts';
import { type GraphileWorker, installGraphileWorker, installReladiff } from '../reconcile/rivals.ts';
import {
  digestFigures,
  type DigestRound,
  digestTable,
  queueFigures,
  type QueueRound,
  queueTable,
} from '../reconcile/report.ts';

const PARENT = '.converge/reconcile-rivals';
const QUICK_KEYS = 2_000;
const KEYS = 20_000;

/** Digest comparison beside reladiff, the key queue beside graphile-worker, and a service with the reconciler on and off. */
export const reconcileCase: Case = {
  name: 'reconcile',
  title: 'Finding divergence, and the queue of keys',
  async run(world) {
    const digests = await measureDigests(world);
    const queue = await measureQueue(world);
    const service = await measureOnOff(world);
    return {
      figures: [...digests.figures, ...queue.figures, ...service.figures],
      rounds: [digests, queue, service].map(({ rounds }) => rounds).join('\n\n'),
    };
  },
};

type Part = Pick<CaseResult, 'figures' | 'rounds'>;

async function measureDigests(world: World): Promise<Part> {
  const { settings, say } = world;
  const reladiff = await installReladiff(PARENT, say);
  const small = await smallPass(world);
  const tables = await openTables(world, settings.rows);
  const rounds: DigestRound[] = [];
  try {
    for (let round = 1; round <= settings.rounds; round += 1) {
      const rival = await reladiffPass(reladiff, tables);
      const before = process.memoryUsage().rss;
      const first = await digestPass(tables, true);
      const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
      checkAnswer('reladiff', rival);
      checkAnswer('the digest scan', first);
      await changeOnePercent(tables);
      const second = await digestPass(tables, false);
      rounds.push({
        ours: first.ms,
        rival: rival.ms,
        second: second.ms,
        share: second.rows / first.rows,
        grownMiB,
      });
      say(
        `reconcile, round ${round}: ${first.ms.toFixed(0)} ms, reladiff ${rival.ms.toFixed(0)} ms, second pass ${second.ms.toFixed(0)} ms`,
      );
    }
  } finally {
    await tables.remove();
  }
  return { figures: digestFigures(rounds, { ...small, rows: settings.rows }), rounds: digestTable(rounds) };
}

/** A first pass over a tenth of the rows, to see whether time is linear. In milliseconds. */
async function smallPass(world: World): Promise<{ readonly smallRows: number; readonly smallMs: number }> {
  const smallRows = Math.max(60_000, world.settings.rows / 10);
  const tables = await openTables(world, smallRows);
  try {
    await digestPass(tables, true);
    return { smallRows, smallMs: (await digestPass(tables, true)).ms };
  } finally {
    await tables.remove();
  }
}

async function measureQueue(world: World): Promise<Part> {
  const { settings, say } = world;
  const rival = await installGraphileWorker(PARENT, say);
  const keys = settings.quick ? QUICK_KEYS : KEYS;
  const rounds: QueueRound[] = [];
  for (let round = 1; round <= settings.rounds; round += 1) {
    const one = await queueRound(world, rival, keys);
    rounds.push(one);
    say(
      `reconcile, round ${round}: ${one.ours.toFixed(0)} keys/s, graphile-worker ${one.rival.toFixed(0)} jobs/s, under a snapshot ${one.lastTenth.toFixed(0)} of ${one.firstTenth.toFixed(0)} keys/s`,
    );
  }
  return { figures: queueFigures(rounds), rounds: queueTable(rounds) };
}

async function queueRound(world: World, rival: GraphileWorker, keys: number): Promise<QueueRound> {
  const ours = rateOf(await runOurs(world, keys, false));
  const graphile = rateOf(await runGraphile(world, rival, keys));
  const held = await runOurs(world, keys, true);
  return { ours, rival: graphile, firstTenth: rateOf(held, 0, 0.1), lastTenth: rateOf(held, 0.9, 1) };
}
