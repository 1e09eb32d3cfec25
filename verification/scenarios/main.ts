import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { startStack } from '@convergekit/testing';
import { progress } from '../demo/show/progress.ts';
import { buildWorld } from '../demo/world.ts';
import { interruption } from '../interrupt.ts';
import { scenarioReport } from './report.ts';
import { runScenario, type ScenarioRun } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

/** `make scenarios`: runs each scenario and writes the report. Exit code 0: all were as expected. */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    /** Writes docs/scenarios.md instead of .converge/scenarios/report.md. */
    write: { type: 'boolean', default: false },
  },
});
const signal = interruption();
const shown = progress(process.stderr, () => systemClock.monotonic());
const only = values.only?.split(',') ?? scenarios.map(({ name }) => name);
const unknown = only.filter((name) => !scenarios.some((one) => one.name === name));
const chosen = scenarios.filter(({ name }) => only.includes(name));
if (unknown.length > 0) {
  process.stderr.write(
    `scenarios: there is no ${unknown.join(', ')}: ${scenarios.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}
const folder = '.converge/scenarios';
const runs: ScenarioRun[] = [];
try {
  for (const scenario of chosen) {
    signal.throwIfAborted();
    shown.note(`scenario ${scenario.name}: ${scenario.title}`);
    const run = await inFreshWorld(scenario);
    shown.note(`scenario ${scenario.name}: ${run.judgement}`);
    runs.push(run);
  }
  shown.end();
  const text = scenarioReport(runs, {
    machine: [
      `Machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}; all processes share it.`,
      `Versions: commit ${output('git', 'describe', '--always', '--dirty')}, Node ${process.version}.`,
    ],
    command: `make scenarios ARGS="--seed ${values.seed}${values.only === undefined ? '' : ` --only ${values.only}`}"`,
    date: new Date(systemClock.now()).toISOString().slice(0, 10),
  });
  const path = values.write ? 'docs/scenarios.md' : join(folder, 'report.md');
  writeFileSync(path, text);
  process.stdout.write(`\n${text}\n(written to ${path})\n`);
  process.exitCode = runs.every(({ judgement }) => judgement === 'agrees') ? 0 : 1;
} catch (error) {
  shown.end();
  process.stderr.write(
    `scenarios: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = signal.aborted ? 130 : 1;
}
process.exit();

async function inFreshWorld(scenario: Scenario): Promise<ScenarioRun> {
  const stack = await startStack({ log: (line) => shown.note(line) });
  try {
    await stack.kafkaTools.prepare();
    const world = await buildWorld({ stack, logFolder: join(folder, scenario.name) });
    try {
      await world.start();
      return await runScenario({ world, scenario, seed: Number(values.seed), progress: shown, signal });
    } finally {
      await world.stop();
    }
  } finally {
    await stack.stop();
  }
}

function output(command: string, ...args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
