import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

const main = new URL('../../services/relay/src/main.ts', import.meta.url).pathname;
/** Kernel clock ticks per second in /proc/PID/stat; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

export interface RelayChild {
  /** CPU seconds (user + system) that the process has used. */
  cpuSeconds(): number;
  /** Resident memory, MiB. */
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts the relay as users do: its own process, configured by environment alone. */
export function startRelay(
  databaseUrl: string,
  brokers: string,
  environment: Record<string, string> = {},
): RelayChild {
  const child = spawn(process.execPath, ['--conditions=source', main], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      KAFKA_BROKERS: brokers,
      CONVERGE__HEALTH__PORT: '0',
      LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return {
    cpuSeconds: () => {
      const fields = readProc(child, 'stat').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    residentMiB: () => Number(/VmRSS:\s+(\d+) kB/.exec(readProc(child, 'status'))?.[1]) / 1024,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

function readProc(child: ChildProcess, file: string): string {
  if (child.exitCode !== null)
    throw new Error(`the relay exited with ${child.exitCode} during the measurement`);
  return readFileSync(`/proc/${child.pid ?? 0}/${file}`, 'utf8');
}
