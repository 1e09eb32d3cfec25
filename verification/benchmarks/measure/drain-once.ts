import { systemClock } from '@convergekit/core';
import type { World } from '../case.ts';
import type { Place, Side, Source } from '../sides/side.ts';
import type { Child } from './child.ts';
import { rateBetween, type Sample } from './growth.ts';

/** The share of a backlog that is not counted: compilers of V8 and of the JVM warm up. */
export const WARM_UP = 0.2;

export type Drained = Awaited<ReturnType<typeof measureDrain>>;

export interface DrainOptions {
  readonly rows: number;
  /** Reads everything back and compares. @default false */
  readonly verify?: boolean;
  /** Writes the backlog by SQL, without the kit's emit. */
  readonly by?: 'sql';
  /** @default the side's */
  readonly deadlineMs?: number;
}

interface Parts extends Pick<World, 'cleanup' | 'folder'> {
  readonly stack: Pick<World['stack'], 'databaseUrl' | 'brokers'>;
}

export function placeOf({ stack, cleanup, folder }: Parts): Place {
  return { serverUrl: stack.databaseUrl, brokers: stack.brokers, cleanup, folder };
}

/** Opens a side for some work, then removes all of it. */
export async function withSource<T>(
  world: Parts,
  side: Side,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const source = await side.open(placeOf(world));
  try {
    return await work(source);
  } finally {
    await source.remove();
  }
}

/** Writes a backlog, starts the side, and measures until all of it lies in the topic. Leaves nothing behind. */
export function drainOnce(world: World, side: Side, options: DrainOptions): Promise<Drained> {
  return withSource(world, side, async (source) => {
    await source.write(0, options.rows, options.by);
    return measureDrain(side, source, source.start(), options);
  });
}

/** Notes the CPU time of a process while it works on `rows` events. */
export function cpuMeter(child: Child, rows: number) {
  let warm: { readonly count: number; readonly seconds: number } | undefined;
  let last = { count: 0, seconds: 0 };
  return {
    look: ({ count }: Sample): void => {
      child.assertAlive();
      last = { count, seconds: child.cpuSeconds() };
      if (count >= rows * WARM_UP) warm ??= last;
    },
    /** In microseconds, without those of the warm-up. */
    perEvent: (): number => {
      const { count = 0, seconds = 0 } = warm ?? {};
      return ((last.seconds - seconds) / (last.count - count)) * 1e6;
    },
  };
}

/**
 * Measures a drain. Throws when events are missing in the topic, or their content differs from the rows; repeats are
 * reported.
 */
export async function measureDrain(
  { name: side, deadlineMs: patience }: Side,
  { log }: Source,
  child: Child,
  { rows, verify = false, deadlineMs = patience }: DrainOptions,
) {
  const cpu = cpuMeter(child, rows);
  const memory: { count: number; residentMiB: number }[] = [];
  const samples = await log.watch(rows, {
    deadlineMs,
    look: (sample) => {
      cpu.look(sample);
      memory.push({ count: sample.count, residentMiB: child.residentMiB() });
    },
  });
  const peakMiB = child.peakMiB();
  // The pause lets a side that repeats a send do so now.
  await systemClock.sleep(300);
  const records = await log.count();
  if (records < rows) throw new Error(`${side}: ${records} records in the topic for ${rows} rows`);
  // A produce whose answer was late is repeated, since delivery is at least once. The rate counts records, and this
  // line reports the repeats.
  if (records > rows) process.stderr.write(`${side}: ${records - rows} of ${rows} events came twice\n`);
  const content = verify ? await log.content() : undefined;
  if (content !== undefined && content.distinct !== rows)
    throw new Error(`${side}: ${content.distinct} different events in the topic for ${rows} rows`);
  return {
    side,
    rows,
    peakMiB,
    samples,
    content,
    /** Resident memory at each sample, in MiB. */
    memory,
    eventsPerSecond: rateBetween(samples, rows * WARM_UP, rows),
    cpuMicrosPerEvent: cpu.perEvent(),
  };
}
