import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Stack, startStack } from '@convergekit/testing';
import { Cleanup } from '../cleanup.ts';
import { interruption } from '../interrupt.ts';
import { reasonOf } from '../programs.ts';
import type { Case, World } from './case.ts';
import { cases } from './cases/index.ts';
import { circumstances, figuresOf, type Section, writeReport } from './report/report.ts';
import { figureTable } from './report/markdown.ts';
import { readSettings, type Settings, USAGE } from './settings.ts';
import { findSides } from './sides/index.ts';

/**
 * `make bench`: relay and consumers beside their peers, on one Postgres and Kafka. Writes a table, a report and plots.
 */
const folder = '.converge/benchmarks';
/** The extension is loaded and counts nothing until the saga case has it count. */
const STATEMENT_COUNTS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
};
const say = (line: string): boolean => process.stderr.write(`${line}\n`);
const cleanup = new Cleanup(say);
const signal = interruption();
signal.addEventListener('abort', () => {
  say(`${reasonOf(signal.reason)}: ending what was started`);
  void cleanup.run().then(() => process.exit(130));
});

process.exit(await main());

async function main(): Promise<number> {
  let settings: Settings;
  try {
    settings = readSettings(process.argv.slice(2));
  } catch (error) {
    say(`bench: ${reasonOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (settings.help) process.stdout.write(USAGE);
  else if (settings.list)
    for (const { name, title } of cases) process.stdout.write(`${name.padEnd(10)} ${title}\n`);
  else return run(settings);
  return 0;
}

async function run(settings: Settings): Promise<number> {
  const unknown = settings.only.find((name) => !cases.some((known) => known.name === name));
  if (unknown !== undefined) {
    say(`bench: there is no case "${unknown}": ${cases.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  mkdirSync(folder, { recursive: true });
  try {
    const logical = chosenOf(settings).some((one) => one.logical ?? true);
    // Without a checkpoint in it: pages that are logged whole behind one would count for the few sagas of a load.
    const log = { max_wal_size: '4GB', checkpoint_timeout: '1h', wal_level: logical ? 'logical' : 'replica' };
    const stack = await startStack({ log: say, postgresSettings: { ...log, ...STATEMENT_COUNTS } });
    cleanup.add(() => stack.stop());
    return await measure(settings, stack);
  } catch (error) {
    if (!signal.aborted) say(`bench: ${reasonOf(error)}`);
    return 1;
  } finally {
    await cleanup.run();
    // The handler of the signal leaves when everything has ended.
    if (signal.aborted) await new Promise(() => undefined);
  }
}

function chosenOf({ only }: Settings): readonly Case[] {
  return cases.filter(({ name }) => only.length === 0 || only.includes(name));
}

async function measure(settings: Settings, stack: Stack): Promise<number> {
  const sides = await findSides(stack.databaseUrl, say);
  const report = (line: string): boolean => signal.aborted || say(line);
  const world: World = { settings, stack, sides, cleanup, folder, say: report, learnt: {} };
  const sections: Section[] = [];
  for (const one of chosenOf(settings)) {
    sections.push({ name: one.name, title: one.title, result: await runCase(one, world) });
    if (signal.aborted) return 130;
  }
  const date = new Date().toISOString().slice(0, 10);
  const whole = settings.only.length === 0 && !settings.quick;
  const file = settings.out ?? join(whole ? 'docs/benchmarks' : folder, `${date}-relay.md`);
  const title = `The relay, consumers and their peers, ${date}`;
  const written = writeReport(file, title, await circumstances(world), sections);
  process.stdout.write(`${figureTable(figuresOf(sections))}\n`);
  say(`\nreport: ${written.join(', ')}`);
  return sections.some(({ result }) => 'failed' in result) ? 1 : 0;
}

/** A case that fails does not take the others with it. */
async function runCase(one: Case, world: World): Promise<Section['result']> {
  const began = performance.now();
  say(`— ${one.name}: ${one.title}`);
  try {
    return await one.run(world);
  } catch (error) {
    world.say(`${one.name} failed: ${reasonOf(error)}`);
    return { failed: reasonOf(error) };
  } finally {
    world.say(`  (${((performance.now() - began) / 1000).toFixed(0)} s)`);
  }
}
