import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { interruption } from '../interrupt.ts';
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
const signal = interruption();
try {
  const run = await tlc(say);
  const isGood = await checkModels(models, {
    only: values.only?.split(','),
    run,
    say,
    clock: systemClock,
    signal,
  });
  process.exitCode = isGood ? 0 : 1;
} catch (error) {
  process.stderr.write(`models: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = signal.aborted ? 130 : 1;
}
