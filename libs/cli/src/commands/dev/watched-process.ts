import { type ChildProcess, spawn } from 'node:child_process';
import type { Service } from '@convergekit/core';

export interface WatchedOptions {
  /** The module that runs the service: `src/main.ts`. */
  readonly main: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs a module in a process that Node starts again when the module or what it imports has changed. */
export function watchedProcess({ main, env }: WatchedOptions): Service {
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined);
  let child: ChildProcess | undefined;
  let stopping = false;
  return {
    name: main,
    done: ended.promise,
    start: () => {
      // Its own process group: Ctrl-C reaches only this process, which then stops the parts in order.
      child = spawn(process.execPath, ['--watch', '--watch-preserve-output', main], {
        env: { ...env },
        stdio: ['ignore', 'inherit', 'inherit'],
        detached: true,
      });
      child.on('error', ended.reject);
      child.on('exit', (code, signal) => {
        if (stopping) ended.resolve(undefined);
        else
          ended.reject(
            new Error(`the process of ${main} ended by itself (${signal ?? `exit code ${code}`})`),
          );
      });
      return Promise.resolve();
    },
    stop: async () => {
      stopping = true;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null)
        ended.resolve(undefined);
      // Node in watch mode hands SIGTERM to the service and waits for its end.
      else child.kill('SIGTERM');
      await ended.promise.catch(() => undefined);
    },
  };
}
