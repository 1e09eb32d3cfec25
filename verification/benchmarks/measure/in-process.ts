import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { World } from '../case.ts';

/** What a program of its own measured, which prints it as JSON. */
export interface Measured {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** Measures in a process of its own, so that no measurement warms up the next. */
export async function measureInProcess(
  { stack, cleanup }: World,
  program: string,
  args: readonly string[],
): Promise<Measured> {
  cleanup.throwIfClosed();
  const running = promisify(execFile)(process.execPath, ['--conditions=source', program, ...args], {
    env: { ...process.env, KAFKA_BROKERS: stack.brokers },
    timeout: 120_000,
  });
  const ended = cleanup.add(() => Promise.resolve(void running.child.kill('SIGKILL')));
  try {
    return JSON.parse((await running).stdout) as Measured;
  } finally {
    await ended();
  }
}
