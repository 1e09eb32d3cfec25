import { readFileSync } from 'node:fs';
import type { Clock } from '@convergekit/core';
import type { RelayProcess } from './relay-process.ts';

export interface Sample {
  readonly atMs: number;
  readonly pid: number;
  readonly megabytes: number;
}

/** Resident memory of one relay, every few seconds. */
export class MemoryWatch {
  readonly samples: Sample[] = [];
  readonly #relay: RelayProcess;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(relay: RelayProcess, clock: Clock) {
    this.#relay = relay;
    this.#clock = clock;
  }

  start(everyMs = 2_000): void {
    this.#running = this.#watch(everyMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #watch(everyMs: number): Promise<void> {
    const { signal } = this.#stop;
    const began = this.#clock.monotonic();
    while (!signal.aborted) {
      const { pid, running } = this.#relay;
      const megabytes = running && pid !== undefined ? residentMegabytes(pid) : undefined;
      if (pid !== undefined && megabytes !== undefined)
        this.samples.push({ atMs: this.#clock.monotonic() - began, pid, megabytes });
      await this.#clock.sleep(everyMs, signal);
    }
  }
}

function residentMegabytes(pid: number): number | undefined {
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
  } catch {
    return undefined;
  }
}

export interface MemoryTrend {
  readonly megabytesPerMinute: number;
  readonly overMinutes: number;
  readonly first: number;
  readonly last: number;
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
    highest: Math.max(...own.map(({ megabytes }) => megabytes)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
