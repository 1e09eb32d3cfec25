import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres, startStack } from '@convergekit/testing';
import type { Packed } from '../../infra/packages/stage.ts';
import { interruption } from '../interrupt.ts';
import { progress } from '../lab/progress.ts';
import { ofRepository } from '../packages/peers.ts';
import { makeProject } from '../packages/project.ts';
import { collect } from './collect.ts';
import { type Difference, differencesOf, differenceText, type Observation } from './compare.ts';
import { normalise } from './normalise.ts';
import { scenes } from './operators.ts';
import { untilQuiet } from './quiet.ts';
import { drawPart, type Part } from './script.ts';
import { Side } from './side.ts';
import { commitOf, copyProgram, packCommit, packPresent, removeTree } from './trees.ts';

/**
 * `make compare OLD=<commit>`: runs one program on packages of that commit and of the working tree, each as it spells the program,
 * and compares what users see. Exit code 0: equal; 1: different; 2: it could not be run.
 */
const { values } = parseArgs({
  options: {
    old: { type: 'string', default: 'HEAD' },
    /** Several, separated by commas, are compared one after the other. */
    seed: { type: 'string', default: '1' },
    /** Orders in each of the two drawn parts. */
    size: { type: 'string', default: '12' },
    /** The log is in Kafka. @default in Postgres */
    kafka: { type: 'boolean', default: false },
    /** Plants a fault of `plants/` in OLD, or `all` of them one after the other: each has to be found. */
    plant: { type: 'string' },
    /** Only these parts and scenes, separated by commas: `a,b,pauses`. @default all; for plants two that meet each of them */
    only: { type: 'string' },
    /** Keeps the projects, the logs of the services and what was seen. */
    keep: { type: 'boolean', default: false },
  },
});
const { note: say } = progress(process.stdout, () => performance.now());
const signal = interruption();
const outside = await mkdtemp(join(tmpdir(), 'converge-compare-'));
/** With the SDK, since events carry a trace where a process has it. */
const PEERS = {
  ...ofRepository('pg', 'kysely', 'zod', '@opentelemetry/api'),
  '@opentelemetry/sdk-node': '0.301.0',
  '@opentelemetry/exporter-prometheus': '0.301.0',
};

try {
  process.exitCode = (values.plant === undefined ? await compareSeeds() : await comparePlants(values.plant))
    ? 0
    : 1;
} catch (error) {
  process.stderr.write(
    `compare: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 2;
} finally {
  await removeTree();
  if (values.keep) say(`projects and logs are in ${outside}`);
  else await rm(outside, { recursive: true, force: true });
}
process.exit();

async function compareSeeds(): Promise<boolean> {
  const commit = await commitOf(values.old);
  const old = await install('old', await packCommit(commit), commit);
  const present = await install('new', await packPresent());
  say(`both are installed: ${commit.slice(0, 8)} and the working tree`);
  let equal = true;
  for (const seed of values.seed.split(',').map(Number)) {
    const found = compareOnce(seed, await observe('OLD', old, seed), await observe('NEW', present, seed));
    equal &&= found.length === 0;
  }
  return equal;
}

/** Compares a commit with itself and one fault: true if each was found. */
async function comparePlants(only: string): Promise<boolean> {
  const commit = await commitOf(values.old);
  const seed = Number(values.seed);
  const clean = await observe('NEW', await install('new', await packCommit(commit), commit), seed);
  let caught = true;
  for (const { name, patch, foundIn } of plants(only)) {
    say(`planted in OLD: ${name}`);
    const old = await install(name, await packCommit(commit, patch), commit);
    const found = compareOnce(seed, await observe('OLD', old, seed), clean);
    const here = found.some(({ section }) => section.includes(foundIn));
    if (!here) say(`NOT found in a section ${foundIn}: ${name}`);
    caught &&= here;
  }
  say(caught ? 'each planted fault was found' : 'a planted fault was NOT found');
  return caught;
}

function compareOnce(seed: number, old: Observation, present: Observation): readonly Difference[] {
  const found = differencesOf(old, present);
  for (const difference of found) for (const line of differenceText(difference)) say(line);
  const lines = Object.values(present).flatMap((section) => Object.values(section).flat()).length;
  say(
    found.length === 0
      ? `EQUAL with seed ${seed}: ${lines} lines of ${Object.keys(present).length} sections`
      : `DIFFERENT with seed ${seed}: ${found.length} differences`,
  );
  return found;
}

/** Installs packages, and the program as their commit spells it. @default as the working tree does */
async function install(name: string, packed: readonly Packed[], commit?: string): Promise<string> {
  const folder = join(outside, name);
  await makeProject({ folder, packed, ours: ['convergekit'], others: PEERS });
  await copyProgram(join(folder, 'program'), commit);
  return folder;
}

/** Runs the program of a project on servers of its own, and returns what was seen. */
async function observe(name: string, folder: string, seed: number): Promise<Observation> {
  signal.throwIfAborted();
  const stack = values.kafka ? await startStack() : undefined;
  const servers = stack ?? (await startPostgres());
  try {
    const side = await Side.start({ name, folder, serverUrl: servers.databaseUrl, brokers: stack?.brokers });
    const stop = (): void => side.stop();
    signal.addEventListener('abort', stop);
    try {
      signal.throwIfAborted();
      const only = values.only ?? (values.plant === undefined ? undefined : 'a,dead-letters');
      const options = { seed, size: Number(values.size), only: only?.split(',') };
      await play(side, options, (line) => say(`${name}: ${line}`));
      const seen = await collect(side);
      if (values.keep) await writeFile(join(folder, `seen-${seed}.json`), JSON.stringify(seen));
      return normalise(seen);
    } finally {
      signal.removeEventListener('abort', stop);
      side.stop();
    }
  } finally {
    await servers.stop();
  }
}

/** Plays the script on a side: failures that pass, then kills as well, then the scenes of operators. */
async function play(
  side: Side,
  { seed, size, only }: { seed: number; size: number; only?: readonly string[] | undefined },
  note: (line: string) => void,
): Promise<void> {
  const parts: Readonly<Record<string, (on: Side) => Promise<void>>> = {
    a: () => playPart(side, drawPart(seed, 'a', { size, kills: false })),
    b: () => playPart(side, drawPart(seed + 1_000_000, 'b', { size, kills: true })),
    ...scenes,
  };
  for (const name of only ?? Object.keys(parts)) {
    const perform = parts[name];
    if (perform === undefined) throw new TypeError(`no part ${name}: ${Object.keys(parts).join(', ')}`);
    await perform(side);
    note(`${name} is quiet, after ${side.director.requests} requests and ${side.director.kills} kills`);
  }
}

async function playPart(side: Side, { orders, notes, boxes, faults }: Part): Promise<void> {
  side.director.plan(faults);
  const inOrder = async (): Promise<void> => {
    for (const note of notes) await side.request('orders', 'note', `${note.customer}-${note.line}`, note);
  };
  await Promise.all([
    ...orders.map((order) => side.request('orders', 'place', order.id, order)),
    ...boxes.map((box) => side.request('delivery', 'box', box, {})),
    inOrder(),
  ]);
  await untilQuiet(side, 'the orders, the notes and the workflows of a part');
}

/**
 * Returns all plants, or the named one: faults that show that a comparison finds what differs. `foundIn`: a part of the name
 * of a section in which it has to be found; its first line says `Found in: effects`.
 */
function plants(only: string) {
  const folder = join(import.meta.dirname, 'plants');
  const names = readdirSync(folder).map((file) => file.replace(/\.patch$/, ''));
  const chosen = names.toSorted().filter((name) => only === 'all' || only === name);
  if (chosen.length === 0) throw new Error(`there is no plant ${only}: all, or one of ${names.join(', ')}`);
  return chosen.map((name) => {
    const patch = join(folder, `${name}.patch`);
    const [, foundIn] = /^Found in: (.+)$/m.exec(readFileSync(patch, 'utf8')) ?? [];
    if (foundIn === undefined) throw new Error(`plants/${name}.patch has no line "Found in: …"`);
    return { name, patch, foundIn };
  });
}
