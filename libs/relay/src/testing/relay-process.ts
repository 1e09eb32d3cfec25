import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { waitUntil } from '@converge/testing';

export interface RelayProcess {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  says(text: string): Promise<void>;
  /** Ends it, whatever its state. */
  end(): Promise<void>;
}

export function startRelay(env: Readonly<Record<string, string>>): RelayProcess {
  const child = spawn(process.execPath, [new URL('./relay-main.ts', import.meta.url).pathname], {
    env: { ...process.env, NODE_OPTIONS: '--conditions=source', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  return {
    child,
    lines,
    exited,
    says: async (text) => {
      await waitUntil(() => lines.some((line) => line.includes(text)), { what: `a relay to say "${text}"` });
    },
    end: async () => {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
