import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startTestStack } from '../../test/stack.setup.ts';
import { interruption } from '../interrupt.ts';
import { collectMarks, filesOf } from './collect.ts';
import { copyTree } from './copy.ts';
import { drawText, SEED } from './draw.ts';
import { chosenFaults } from './fault.ts';
import { readFaults } from './read-faults.ts';
import { runFaults } from './run-faults.ts';

/** `make planted`: plants each fault in a copy of the tree and runs its tests. Exit code 0: each was caught. */
const { values } = parseArgs({
  options: {
    /** Numbers or names of faults. @default all */
    only: { type: 'string' },
    /** Prints the marks that the seed draws, and plants nothing. */
    draw: { type: 'boolean', default: false },
    seed: { type: 'string', default: SEED },
    count: { type: 'string', default: '20' },
  },
});
const root = join(import.meta.dirname, '../..');
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const signal = interruption();
try {
  if (values.draw) say(drawText(collectMarks(root), values.seed, Number(values.count)));
  else process.exitCode = (await plant()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`planted: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = signal.aborted ? 130 : 1;
}

async function plant(): Promise<boolean> {
  const faults = chosenFaults(readFaults(join(import.meta.dirname, 'faults')), values.only?.split(','));
  const drawn = faults.filter(({ mark }) => mark !== undefined).length;
  say(`${faults.length} planted faults, ${drawn} of them drawn by seed ${SEED}`);
  const scene = {
    copy: await copyTree(root, join(root, '.converge/planted/tree')),
    ...{ files: filesOf(root), say, signal },
  };
  // One start for all runs: it takes longer than the tests of most faults.
  const stack = await startTestStack();
  try {
    const servers = JSON.stringify({ databaseUrl: stack.databaseUrl, brokers: stack.brokers });
    return await runFaults(faults, { ...scene, servers });
  } finally {
    await stack.stop();
  }
}
