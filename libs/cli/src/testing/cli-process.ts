import { spawn, type ChildProcess } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../../..');
const bin = join(root, 'libs/cli/bin/converge.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  /** The log lines so far. */
  readonly logs: () => readonly Readonly<Record<string, unknown>>[];
  readonly ended: Promise<Ended>;
}

const running = new Set<ChildProcess>();

/** Starts the real command with nothing in its environment but what is given: no NODE_OPTIONS, no settings of the test. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>>): CliProcess {
  return start([bin, ...args], env);
}

export function start(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): CliProcess {
  const path = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: path, HOME: process.env['HOME'] ?? '/', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a test can press Ctrl-C: the terminal signals the whole group.
    detached: true,
  });
  running.add(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = new Promise<Ended>((settle, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      running.delete(child);
      settle({ code, signal, ...text });
    });
  });
  return { child, stderr: () => text.stderr, logs: () => linesOf(text.stderr), ended };
}

export function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return startCli(args, env).ended;
}

/** Ctrl-C at the terminal of this process. */
export function interrupt({ child }: CliProcess): void {
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
}

/** For `afterEach`: what a failed test left behind. */
export function killLeftovers(): void {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  running.clear();
}

function linesOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
