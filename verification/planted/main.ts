import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startTestStack } from '../../test/stack.setup.ts';
import { program } from '../interrupt.ts';
import { copyTree, filesOf } from './copy.ts';
import { drawText, SEED } from './draw.ts';
import { chosenFaults, readFaults } from './fault.ts';
import { collectMarks } from './marks.ts';
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

await program('planted', async (signal) => {
  if (!values.draw) return (await plant(signal)) ? 0 : 1;
  say(drawText(collectMarks(root), values.seed, Number(values.count)));
  return 0;
});

async function plant(signal: AbortSignal): Promise<boolean> {
  const faults = chosenFaults(readFaults(join(import.meta.dirname, 'faults')), values.only?.split(','));
  const drawn = faults.filter(({ mark }) => mark !== undefined).length;
  say(`${faults.length} planted faults, ${drawn} of them drawn by seed ${SEED}`);
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
