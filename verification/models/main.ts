import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { program } from '../interrupt.ts';
import { checkModels } from './check-models.ts';
import { models } from './models.ts';
import { tlc } from './tlc.ts';

/** `make models`: checks every model. Exit code 0: each configuration passes, each control breaks its invariant, each action ran. */
const { values } = parseArgs({
  options: {
    /** Names of models, or of configurations as `Step/undo`. @default all */
    only: { type: 'string' },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

await program('models', async (signal) => {
  const check = { only: values.only?.split(','), run: await tlc(say), say, clock: systemClock, signal };
  return (await checkModels(models, check)) ? 0 : 1;
});
