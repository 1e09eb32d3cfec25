import { once } from 'node:events';
import { reasonOf } from './programs.ts';

/** Aborts at the first signal that asks this process to end, so that it stops what it started; a second one ends it at once. */
export function interruption(): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort(new Error(`stopped by ${name}`));
    });
  return interrupt.signal;
}

/** The longest delay of a timer of Node, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Resolves at the interruption. Neither a handler of a signal nor a child keeps Node running meanwhile: a timer does. */
export async function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const held = setInterval(() => undefined, LONGEST_MS);
  await once(signal, 'abort');
  clearInterval(held);
}

/** Runs a program. Its exit code is the one that `work` returns, 130 where a signal ended it, and 1 where it failed. */
export async function program(name: string, work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const signal = interruption();
  try {
    process.exitCode = await work(signal);
  } catch (error) {
    process.stderr.write(`${name}: ${reasonOf(error)}\n`);
    process.exitCode = signal.aborted ? 130 : 1;
  }
}
