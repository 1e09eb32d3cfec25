import { spawn } from 'node:child_process';
import { say, seconds } from './newcomer.ts';

export interface DevRun {
  /** The time of the start, in milliseconds. */
  readonly start: number;
  /** What the command printed so far. */
  readonly log: () => string;
}

/** Runs a development command while `check` is at work, then ends it by Ctrl-C. Rejects when the command ends before. */
export async function whileDev(
  [command, ...args]: readonly [string, ...string[]],
  where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  check: (run: DevRun) => Promise<void>,
): Promise<void> {
  const line = [command, ...args].join(' ');
  const start = performance.now();
  const dev = spawn(command, args, { ...where, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let log = '';
  for (const stream of [dev.stdout, dev.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<number | null>((resolve) => dev.on('close', resolve));
  try {
    const failed = ended.then((code) => {
      throw new Error(`\`${line}\` ended with ${String(code)}:\n${log}`);
    });
    failed.catch(() => undefined);
    await Promise.race([failed, check({ start, log: () => log })]);
  } finally {
    // Ctrl-C reaches every process of the terminal.
    if (dev.pid !== undefined && dev.exitCode === null) process.kill(-dev.pid, 'SIGINT');
    await ended;
    say(`${seconds(start)}  ${line}: ended by Ctrl-C`);
  }
}
