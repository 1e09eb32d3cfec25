import { existsSync, readFileSync } from 'node:fs';

/**
 * Live memory of a process, right after a collection: what a leak makes grow. Resident memory only rises with the
 * largest backlog so far, since V8 keeps what it once had.
 */
export interface Sample {
  readonly atMs: number;
  readonly pid: number;
  /** The heap in use and what it holds outside, such as buffers. */
  readonly megabytes: number;
  readonly residentMegabytes: number;
}

const probe = new URL('memory-probe.ts', import.meta.url).href;

/** The environment that makes a process write its samples to a file. */
export function probed(file: string, everyMs = 5_000): Readonly<Record<string, string>> {
  return {
    NODE_OPTIONS: `--conditions=source --import=${probe}`,
    SOAK_MEMORY: file,
    SOAK_MEMORY_MS: String(everyMs),
  };
}

/** The samples that a process has written so far. */
export function readSamples(file: string): readonly Sample[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Sample);
}

export interface MemoryTrend {
  readonly megabytesPerMinute: number;
  readonly overMinutes: number;
  readonly first: number;
  readonly last: number;
  /** The highest resident memory. */
  readonly highest: number;
}

/**
 * Computes the slope of memory by least squares, over the last two thirds of the last incarnation's samples. A restart
 * begins anew, and a start has its own growth; undefined with too few samples.
 */
export function memoryTrend(samples: readonly Sample[]): MemoryTrend | undefined {
  const pid = samples.at(-1)?.pid;
  const own = samples.filter((sample) => sample.pid === pid);
  const used = own.slice(Math.floor(own.length / 3));
  const [first, last] = [used[0], used.at(-1)];
  if (first === undefined || last === undefined || used.length < 3) return undefined;
  const meanAt = mean(used.map(({ atMs }) => atMs));
  const meanSize = mean(used.map(({ megabytes }) => megabytes));
  let products = 0;
  let squares = 0;
  for (const { atMs, megabytes } of used) {
    products += (atMs - meanAt) * (megabytes - meanSize);
    squares += (atMs - meanAt) ** 2;
  }
  return {
    megabytesPerMinute: (products / squares) * 60_000,
    overMinutes: (last.atMs - first.atMs) / 60_000,
    first: first.megabytes,
    last: last.megabytes,
    highest: Math.max(...own.map(({ residentMegabytes }) => residentMegabytes)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
