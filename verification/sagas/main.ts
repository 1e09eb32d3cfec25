import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { type Stack, startStack } from '@convergekit/testing';
import { progress } from '../demo/show/progress.ts';
import { interruption } from '../interrupt.ts';
import { runCampaign } from './campaign.ts';
import { report } from './report.ts';
import { buildSamples, type World } from './world.ts';

/** `make sagas`: both samples under faults, judged. Exit code 0: every check passed. */
const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '1000' },
    transfers: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    /** Milliseconds from one fault to the next, on average. */
    every: { type: 'string', default: '2500' },
    /** Requests in flight of each kind. */
    'at-once': { type: 'string', default: '8' },
    /** Keeps everything up until Ctrl-C after a failed check. */
    hold: { type: 'boolean', default: false },
  },
});
const folder = join('.converge', 'sagas', values.seed);
const signal = interruption();
const shown = progress(process.stderr, () => systemClock.monotonic());
const command = `make sagas ARGS="--seed ${values.seed} --orders ${values.orders} --transfers ${values.transfers} --every ${values.every} --at-once ${values['at-once']}"  # at ${commit()}`;
shown.note(command);
let stack: Stack | undefined;
let world: World | undefined;
try {
  stack = await startStack({ log: (line) => shown.note(line) });
  world = await buildSamples({ stack, logFolder: folder });
  await world.start();
  signal.throwIfAborted();
  shown.note(`${world.children.length} processes are ready; their logs are in ${folder}/`);
  const result = await runCampaign({
    world,
    serverUrl: stack.databaseUrl,
    orders: Number(values.orders),
    transfers: Number(values.transfers),
    seed: Number(values.seed),
    faultEveryMs: Number(values.every),
    atOnce: Number(values['at-once']),
    progress: shown,
    signal,
  });
  shown.end();
  const text = report(result, command);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.txt'), text);
  process.stdout.write(`\n${text}`);
  process.exitCode = result.passed ? 0 : 1;
  if (values.hold && !result.passed) await held(stack);
} catch (error) {
  shown.end();
  process.stderr.write(`sagas: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = signal.aborted ? 130 : 1;
} finally {
  await world?.stop().catch(trouble);
  await stack?.stop().catch(trouble);
}
process.exit();

async function held({ databaseUrl, brokers }: Stack): Promise<void> {
  shown.note(`kept up until Ctrl-C: ${databaseUrl}, Kafka at ${brokers}`);
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Returns the commit that was run, so that the line above repeats the run. */
function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`;
  } catch {
    return 'no commit';
  }
}

function trouble(error: unknown): void {
  process.stderr.write(`sagas: while stopping: ${error instanceof Error ? error.message : String(error)}\n`);
}
