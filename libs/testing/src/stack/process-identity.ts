import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process as recorded in a pid file. The number alone is no identity: pids wrap within minutes on small machines,
 * and a reaper that trusts the number kills a stranger. Start time and command line have to match too.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** The start time in the words of the operating system: compared, never interpreted. */
  readonly startedAt: string;
  readonly command: string;
}

/** undefined when no such process lives (a zombie does not live). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

export function isAlive(recorded: ProcessIdentity): boolean {
  const found = identityOf(recorded.pid);
  return found !== undefined && found.startedAt === recorded.startedAt && found.command === recorded.command;
}

function fromProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold spaces: count from the last ')'.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, startedAt: fields[19] ?? '', command };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): ProcessIdentity | undefined {
  try {
    const ps = (column: string): string =>
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
    if (ps('stat').startsWith('Z')) return undefined;
    return { pid, startedAt: ps('lstart'), command: ps('command') };
  } catch {
    return undefined;
  }
}
