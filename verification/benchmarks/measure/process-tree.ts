import { readdirSync, readFileSync } from 'node:fs';

/** Kernel clock ticks per second in /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A line of /proc/PID/stat. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** User and system time of the process, in milliseconds. */
  readonly ownMs: number;
  /** The same with its children that have ended. */
  readonly cpuMs: number;
}

/** Parses a stat line. The second field is the name in parentheses and may hold anything. */
export function parseStat(line: string): ProcessStat {
  const close = line.lastIndexOf(')');
  const fields = line.slice(close + 2).split(' ');
  // The 14th to 17th field of the line: utime, stime, cutime, cstime.
  const [user = 0, system = 0, ...ended] = fields
    .slice(11, 15)
    .map((ticks) => (Number(ticks) * 1_000) / TICKS_PER_SECOND);
  const ownMs = user + system;
  return {
    pid: Number.parseInt(line, 10),
    parent: Number(fields[1]),
    name: line.slice(line.indexOf('(') + 1, close),
    ownMs,
    cpuMs: ended.reduce((sum, ms) => sum + ms, ownMs),
  };
}

export function treeOf(stats: readonly ProcessStat[], root: number): readonly ProcessStat[] {
  const children = Map.groupBy(stats, ({ parent }) => parent);
  const tree: ProcessStat[] = stats.filter(({ pid }) => pid === root);
  for (let index = 0; index < tree.length; index += 1)
    tree.push(...(children.get(tree[index]?.pid ?? 0) ?? []));
  return tree;
}

export function readProcesses(): readonly ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const line = read(`/proc/${pid}/stat`);
      return line === undefined ? [] : [parseStat(line)];
    });
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? '';
}

/** Returns the resident memory of a process in MiB. Pages that several processes share are divided among them. */
export function memoryMiBOf(pid: number): number {
  const rollup = read(`/proc/${pid}/smaps_rollup`);
  const shared = /^Pss:\s+(\d+) kB/m.exec(rollup ?? '')?.[1];
  const resident = shared ?? /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return Number(resident ?? 0) / 1_024;
}

/** Reads a file of a process; undefined when the process has ended meanwhile. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
