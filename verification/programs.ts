import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

/** Runs a program to its end. Rejects with what it printed when it fails. */
export const run = promisify(execFile);

/** Returns the first line that a program prints; undefined when it fails. */
export function firstLineOf(program: string, args: readonly string[]): string | undefined {
  try {
    const printed = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return printed.split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
}

/** Names the commit that is run, and says whether the tree has changes. */
export function commit(): string {
  return firstLineOf('git', ['describe', '--always', '--dirty']) ?? 'unknown';
}

/** Returns the message of an error, or what was thrown as text. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Variables = Readonly<Record<string, string>>;

/** The environment of programs outside the repository: without its options for Node. */
export const plain = (extra: Variables = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: '',
  npm_config_loglevel: 'error',
  ...extra,
});

/** Runs a program in a folder outside the repository. Resolves with what it printed. */
export function runIn(folder: string, program: string, args: readonly string[], extra?: Variables) {
  return run(program, [...args], { cwd: folder, env: plain(extra), maxBuffer: 64 * 1024 * 1024 });
}

/** Sends JSON by POST, or another method. Resolves with the text of the answer; rejects, with its status, when it is not 2xx. */
export async function sendJson(
  url: string | URL,
  body: unknown,
  {
    headers = {},
    method = 'POST',
    signal = null,
  }: { headers?: Variables; method?: string; signal?: AbortSignal | null | undefined } = {},
): Promise<string> {
  const own = { 'content-type': 'application/json', ...headers };
  const response = await fetch(url, { method, signal, headers: own, body: JSON.stringify(body) });
  const { ok, status } = response;
  const text = await response.text();
  if (ok) return text;
  throw Object.assign(new Error(`${String(url)} answered HTTP ${status}: ${text.slice(0, 300)}`), { status });
}

export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

export interface Running {
  readonly pid: number;
  /** What it printed so far. */
  readonly log: () => string;
}

/** The time from the signal that stops a program to SIGKILL, in milliseconds. */
const GRACE_MS = 30_000;

/**
 * Runs a program while `use` is at work, then stops it: by Ctrl-C (SIGINT) with all processes of its terminal. Resolves
 * with how it ended; rejects with what it printed when it ends before.
 */
export async function whileRunning(
  [command, ...args]: readonly [string, ...string[]],
  where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  use: (running: Running) => Promise<unknown>,
  stop: 'SIGTERM' | 'SIGINT' = 'SIGTERM',
) {
  const detached = stop === 'SIGINT';
  const child = spawn(command, args, { ...where, stdio: ['ignore', 'pipe', 'pipe'], detached });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  const failed = ended.then(([code, signal]) => {
    throw new Error(`\`${[command, ...args].join(' ')}\` ended with ${code ?? String(signal)}:\n${log}`);
  });
  failed.catch(() => undefined);
  const { pid = 0 } = child;
  const send = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) process.kill(detached ? -pid : pid, signal);
  };
  try {
    await Promise.race([failed, use({ pid, log: () => log })]);
  } finally {
    if (pid !== 0) send(stop);
    const late = setTimeout(() => send('SIGKILL'), GRACE_MS);
    await ended.finally(() => clearTimeout(late));
  }
  const [code, signal] = await ended;
  return { code, signal, log };
}
