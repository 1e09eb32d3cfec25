import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startTestStack } from '../../test/stack.setup.ts';
import { program } from '../interrupt.ts';
import { copyTree, filesOf } from './copy.ts';
import { chosenFaults, readFaults } from './fault.ts';
import { runFaults } from './run-faults.ts';

/**
 * `make planted`: plants each fault in a copy of the tree and runs its tests. Exit code 0: each was caught. `only` has
 * numbers or names of faults. @default all
 */
const { values } = parseArgs({ options: { only: { type: 'string' } } });
const root = join(import.meta.dirname, '../..');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await program('planted', async (signal) => ((await plant(signal)) ? 0 : 1));

async function plant(signal: AbortSignal): Promise<boolean> {
  const faults = chosenFaults(readFaults(join(import.meta.dirname, 'faults')), values.only?.split(','));
  say(`${faults.length} planted faults`);
  const scene = {
    copy: await copyTree(root, join(root, '.converge/planted/tree')),
    files: filesOf(root),
    say,
    signal,
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
