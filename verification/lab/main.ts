import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@convergekit/core';
import { freePorts } from '@convergekit/testing/engine';
import { interrupted, interruption } from '../interrupt.ts';
import { reasonOf } from '../programs.ts';
import { History, progress } from './progress.ts';
import { freshFolder, openServers, openShopOf, runSpec, withUndo } from './open.ts';
import { commandOf, listing, type Options, readOptions, runsOf, seedOf } from './options.ts';
import type { RunSpec } from './spec.ts';
import { Child, serviceFile } from './process.ts';
import { endings, report } from './report.ts';
import type { Outcome } from './run.ts';
import type { Run } from './types.ts';
import { type Access, accessLines, consoleEnv } from './workloads/shop/access.ts';
import type { Shop } from './workloads/shop/shop.ts';

/**
 * `make lab`: workloads under faults, judged. Exit code 0: every check passed; 1: one did not, or the run failed; 3: not
 * settled in time; 130: interrupted.
 */
const options = readOptions();
const signal = interruption();
const shown = progress(process.stderr, () => systemClock.monotonic());
const name = options.preset ?? 'lab';
const folder = join('.converge', name);

try {
  if (options.list) process.stdout.write(listing());
  else if (options.keep) await keepShop(options);
  else process.exitCode = await runAll(options);
} catch (error) {
  shown.end();
  process.stderr.write(`${name}: ${reasonOf(error)}\n`);
  process.exitCode = signal.aborted ? 130 : 1;
}
process.exit();

async function runAll(given: Options): Promise<number> {
  const seed = seedOf(given);
  const again = commandOf(process.argv.slice(2), seed);
  shown.note(again);
  const runs = await runsOf(given, (line) => shown.note(line));
  const texts: string[] = [];
  let worst = 0;
  for (const spec of runs) {
    signal.throwIfAborted();
    const at = freshFolder(runs.length === 1 ? folder : join(folder, spec.name));
    if (runs.length > 1) shown.note(`run ${spec.name}: ${spec.title}`);
    const outcome = await runSpec(spec, runIn(at, seed));
    shown.end();
    const { text, exitCode } = endings[outcome.judgement];
    const kept = exitCode === 0 ? '' : `Evidence: ${keepEvidence(at, outcome)}\n`;
    texts.push(`${runs.length === 1 ? '' : headOf(spec)}${report(outcome)}${text}\n${kept}`);
    process.stdout.write(texts.at(-1) ?? '');
    worst = exitCode === 1 || worst === 1 ? 1 : Math.max(worst, exitCode);
  }
  // The demo ends with its verdict.
  if (given.preset !== 'demo') {
    texts.push(`Again: ${again}\n`);
    process.stdout.write(texts.at(-1) ?? '');
  }
  writeFileSync(join(folder, 'report.txt'), texts.join(''));
  return worst;
}

function runIn(at: string, seed: number): Omit<Run, 'defer'> {
  return { seed, folder: at, clock: systemClock, history: new History(at), progress: shown, signal };
}

function headOf({ name: run, title, load, expectation = [] }: RunSpec): string {
  const time =
    load.kind === 'rate' && load.seconds < Infinity ? `for ${load.seconds} s` : 'as long as the faults';
  const rate = load.kind === 'rate' ? `${load.perSecond} a second ${time}` : JSON.stringify(load.counts);
  const expected = expectation.map((sentence) => `  - ${sentence}\n`).join('');
  return `\n== ${run}: ${title}\nload: ${rate}\n${expected === '' ? '' : `expected:\n${expected}`}`;
}

/** Writes everything that the judge read and found, so that a failure can be examined later. */
function keepEvidence(at: string, { checks, evidence }: Outcome): string {
  const file = join(at, 'evidence.json');
  const plain = (_key: string, value: unknown): unknown =>
    value instanceof Set ? [...(value as Set<unknown>)] : value;
  writeFileSync(file, JSON.stringify({ checks, evidence }, plain, 1));
  return file;
}

async function keepShop({ broker, preset }: Options): Promise<void> {
  const [spec] = await runsOf({ ...options, broker, preset: preset ?? 'demo' }, (line) => shown.note(line));
  if (spec === undefined) return;
  await withUndo(runIn(freshFolder(folder), 1), async (run) => {
    const shop = await openShopOf(run, spec, await openServers(run, spec));
    await shop.start();
    shown.note(`${shop.children.length} processes are ready`);
    await startConsole(shop, run);
  }).catch((error: unknown) => {
    // Ctrl-C is how it ends.
    if (!signal.aborted) throw error;
  });
}

/** Keeps a shop up until the run is interrupted, with a console, and shows how to reach it. */
async function startConsole(shop: Shop, { progress, folder: at, defer }: Run): Promise<void> {
  const { ordersUrl, providerUrl } = shop;
  progress.note(`orders:    POST ${ordersUrl}/orders (Idempotency-Key), GET ${ordersUrl}/orders/:id`);
  progress.note(`provider:  PUT ${providerUrl}/admin/behaviour {"mode":"decline"}`);
  const [port = 0, healthPort = 0] = await freePorts(2);
  const access: Access = {
    urls: shop.urls,
    log: shop.log.env,
    console: { port, token: randomBytes(8).toString('hex') },
  };
  const spec = { name: 'console', main: serviceFile('console/src/main.ts'), healthPort };
  const service = new Child({ ...spec, env: consoleEnv(access) }, at);
  service.start();
  defer(() => service.stop());
  for (const line of accessLines(access)) progress.note(line);
  for (const { spec: one } of shop.children)
    progress.note(`health:    http://127.0.0.1:${one.healthPort}/readyz  ${one.name}`);
  progress.note('Ctrl-C stops everything');
  await interrupted(signal);
}
