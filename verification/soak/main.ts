import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { progress } from '../demo/show/progress.ts';
import { interruption } from '../interrupt.ts';
import { menu } from './faults/menu.ts';
import { History } from './history.ts';
import { soak } from './soak.ts';

/** `make soak`: a long run under random faults, judged by what the writers committed. Exit code 0: nothing was found. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    /** Runs only the faults whose name contains this text. */
    only: { type: 'string', default: '' },
    /** The Kafka driver of the relays: platformatic or kafkajs. */
    driver: { type: 'string', default: '' },
    /** Keeps the servers of a failed run up until Ctrl-C. */
    hold: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const folder = join('.converge', 'soak', values.seed);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const signal = interruption();
const shown = progress(process.stderr, () => systemClock.monotonic());
const only = values.only === '' ? '' : ` --only '${values.only}'`;
const driver = values.driver === '' ? '' : ` --driver ${values.driver}`;
const command = `make soak ARGS="--seed ${seed} --minutes ${values.minutes} --rate ${values.rate}${only}${driver}"`;
shown.note(command);
try {
  const { passed, markdown } = await soak({
    minutes: Number(values.minutes),
    rate: Number(values.rate),
    seed,
    faults: menu.filter(({ kind }) => kind.includes(values.only)),
    folder,
    command,
    driver: values.driver,
    hold: values.hold,
    history: new History(folder),
    progress: shown,
    signal,
  });
  shown.end();
  writeFileSync(join(folder, 'report.md'), markdown);
  process.stdout.write(`\n${markdown}`);
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  shown.end();
  const { aborted } = signal;
  const text =
    error instanceof Error ? ((aborted ? undefined : error.stack) ?? error.message) : String(error);
  process.stderr.write(`soak: ${text}\n`);
  process.exitCode = aborted ? 130 : 1;
}
process.exit();
