import { existsSync, readFileSync } from 'node:fs';
import { type Check, checkOf } from '../../../checker/check.ts';

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

export function readSamples(file: string): readonly Sample[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Sample);
}

type MemoryTrend = ReturnType<typeof memoryTrend>;

/**
 * Computes the slope of memory by least squares, over the last two thirds of the last incarnation's samples. A restart
 * begins anew, and a start has its own growth; undefined with too few samples.
 */
export function memoryTrend(samples: readonly Sample[]) {
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
    /** The highest resident memory. */
    highest: Math.max(...own.map(({ residentMegabytes }) => residentMegabytes)),
  };
}

/** Growth above this fails a run, in megabytes a minute. */
const BAR = 1;
/** The minimum time for a slope, in minutes: a shorter one says more about the garbage collector. */
const MINUTES = 10;

/** The check of a trend, where it is over a time that can be judged. */
export function memoryCheck(trend: MemoryTrend): readonly Check[] {
  if (trend === undefined || trend.overMinutes < MINUTES) return [];
  const { megabytesPerMinute: slope } = trend;
  const findings = slope < BAR ? [] : [`it grows by ${slope.toFixed(2)} MB a minute`];
  return [checkOf(`the live memory of the steady relay grows by less than ${BAR} MB a minute`, 1, findings)];
}

export function trendText(trend: MemoryTrend): string {
  if (trend === undefined) return 'too few samples';
  const { megabytesPerMinute: slope, overMinutes, first, last, highest } = trend;
  const sizes = `${first.toFixed(0)} → ${last.toFixed(0)} MB after a collection; resident at most ${highest.toFixed(0)} MB`;
  const short = overMinutes < MINUTES ? '; too short to judge' : '';
  return `${slope >= 0 ? '+' : ''}${slope.toFixed(2)} MB/min over the last ${overMinutes.toFixed(1)} min (${sizes})${short}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
