import { type ChildProcess, spawn } from 'node:child_process';
import type { Service } from '@convergekit/core';

/** A Node process that lives as long as the command. */
export interface DevProcess {
  readonly name: string;
  /** The arguments of Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A process that Node starts again when `main`, or what it imports, has changed. */
export const watched = (main: string, env: DevProcess['env']): DevProcess => ({
  name: main,
  args: ['--watch', '--watch-preserve-output', main],
  env,
});

export interface DevProcessService extends Service {
  /** Ends the process and starts it again; nothing before the start and after the stop. */
  restart(): void;
}

/** Runs a process as a service: it ends with the command, and its own end ends the command. */
export function devProcess({ name, args, env }: DevProcess): DevProcessService {
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined);
  let child: ChildProcess | undefined;
  let state: 'running' | 'restarting' | 'stopping' = 'running';
  const start = (): void => {
    // Its own process group: Ctrl-C reaches only this process, which then stops the parts in order.
    child = spawn(process.execPath, [...args], {
      env: { ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    child.on('error', ended.reject);
    child.on('exit', (code, signal) => {
      if (state === 'stopping') ended.resolve(undefined);
      else if (state === 'restarting') {
        state = 'running';
        start();
      } else
        ended.reject(new Error(`the process of ${name} ended by itself (${signal ?? `exit code ${code}`})`));
    });
  };
  return {
    name,
    done: ended.promise,
    start: () => Promise.resolve(start()),
    restart: () => {
      if (child === undefined || state !== 'running') return;
      state = 'restarting';
      child.kill('SIGTERM');
    },
    stop: async () => {
      const before = state;
      state = 'stopping';
      if (child === undefined || child.exitCode !== null || child.signalCode !== null)
        ended.resolve(undefined);
      // Node in watch mode hands SIGTERM to the service and waits for its end.
      else if (before === 'running') child.kill('SIGTERM');
      await ended.promise.catch(() => undefined);
    },
  };
}
