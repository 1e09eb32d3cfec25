import { type ChildProcess, spawn } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Service } from '@convergekit/core';
import type { ServiceTopics } from './dev-topics.ts';

/** A Node process that lives as long as the command. */
export interface DevProcess {
  readonly name: string;
  /** The arguments of Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called with the topics of the service that the process runs, at each start. */
  readonly onTopics?: (topics: ServiceTopics) => void;
}

/**
 * Sends the address of each file that the program loads, but for those of packages, and the topics of its service. Stops the
 * program as SIGTERM does when the command has ended, however that was.
 */
const REPORT = `data:text/javascript,${encodeURIComponent(`
  import { subscribe } from 'node:diagnostics_channel';
  import { registerHooks } from 'node:module';
  subscribe('convergekit:topics', (topics) => process.connected && process.send({ convergekit: { topics } }));
  registerHooks({ load(url, context, next) {
    if (url.startsWith('file:') && !url.includes('/node_modules/') && process.connected) process.send({ convergekit: { url } });
    return next(url, context);
  } });
  // A terminal that was closed refuses what the program says at its end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref(); // a program without work ends`)}`;

export interface DevProcessService extends Service {
  /** Says whether the program has loaded the file; of one that has ended, whether it may lack it. */
  concerns(path: string): boolean;
  /** Starts the process again, ended or not. Nothing before the start and after the stop. */
  restart(): void;
}

/**
 * Runs a process as a service that ends with the command. `onEnd` is called when the process ended by itself; without it that ends
 * the command.
 */
export function devProcess(
  { name, args, env, onTopics }: DevProcess,
  onEnd?: (how: string) => void,
): DevProcessService {
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined);
  let child: ChildProcess | undefined;
  // What it loaded before a restart counts, too: a change may come before the new process has loaded the file.
  const loaded = new Set<string>();
  let state: 'new' | 'running' | 'restarting' | 'ended' | 'stopping' = 'new';
  const start = (): void => {
    state = 'running';
    // Its own process group: Ctrl-C reaches only this process, which then stops the parts in order.
    child = spawn(process.execPath, ['--import', REPORT, ...args], {
      // Its code is compiled once on a machine, as that of this command.
      env: { NODE_COMPILE_CACHE: getCompileCacheDir(), ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    child.on('message', (sent) => {
      const { url, topics } = reportIn(sent);
      if (url !== undefined) loaded.add(fileURLToPath(url));
      if (topics !== undefined) onTopics?.(topics);
    });
    child.on('error', ended.reject);
    child.on('exit', (code, signal) => {
      const how = signal ?? `exit code ${code}`;
      if (state === 'stopping') ended.resolve(undefined);
      else if (state === 'restarting') start();
      else if (onEnd === undefined)
        ended.reject(new Error(`the process of ${name} ended by itself (${how})`));
      else {
        state = 'ended';
        onEnd(how);
      }
    });
  };
  return {
    name,
    done: ended.promise,
    start: () => Promise.resolve(start()),
    concerns: (path) => (state === 'ended' ? isCode(path) : loaded.has(path)),
    restart: () => {
      if (state === 'ended') start();
      if (state !== 'running') return;
      state = 'restarting';
      child?.kill('SIGTERM');
    },
    stop: async () => {
      const before = state;
      state = 'stopping';
      if (before === 'new' || before === 'ended') ended.resolve(undefined);
      else if (before === 'running') child?.kill('SIGTERM');
      await ended.promise.catch(() => undefined);
    },
  };
}

/** What a program under dev reports. It may send messages of its own as well, which are none of ours. */
interface Report {
  readonly url?: string;
  readonly topics?: ServiceTopics;
}

function reportIn(sent: unknown): Report {
  const isOurs = typeof sent === 'object' && sent !== null && 'convergekit' in sent;
  return isOurs ? (sent.convergekit as Report) : {};
}

const isCode = (path: string): boolean => /\.([cm]?[jt]s|json)$/.test(path);
