import { type Random, seededRandom } from './random.ts';
import type { Service } from './service.ts';

export interface ServiceStressOptions {
  /** A fresh service for each round; called before `start`. */
  readonly make: () => Service | Promise<Service>;
  /** How much of the service still runs (connections, timers, group members): must be 0 after a stop. @default not asked */
  readonly running?: () => number | Promise<number>;
  /** @default 30 */
  readonly rounds?: number;
  /** Of the interleavings. @default 1 */
  readonly seed?: number;
  /** How long one call may take before it counts as hanging, milliseconds. @default 15_000 */
  readonly deadlineMs?: number;
}

/**
 * The one test for every Service (its obligations stand in `service.ts`): starts and stops it in random interleavings
 * and throws an Error that names the round, the way and the obligation that was broken. Needs no test framework.
 */
export async function stressService(options: ServiceStressOptions): Promise<void> {
  const { rounds = 30, seed = 1 } = options;
  const random = seededRandom(seed);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (let round = 1; round <= rounds; round += 1) {
      // Every way once, then at random.
      const way = WAYS[round <= WAYS.length ? round - 1 : Math.floor(random() * WAYS.length)] ?? usual;
      const fail = (what: string): never => {
        throw new Error(`round ${round} (${way.name}): ${what}`);
      };
      await oneRound({ ...options, way, random, fail });
      await turns(2);
      if (unhandled.length > 0) fail(`a rejection was left unhandled: ${String(unhandled[0])}`);
    }
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
}

interface Round extends ServiceStressOptions {
  readonly way: Way;
  readonly random: Random;
  readonly fail: (what: string) => never;
}

async function oneRound({ make, running, way, random, fail, deadlineMs = 15_000 }: Round): Promise<void> {
  const service = await make();
  const within = <T>(work: Promise<T>, what: string): Promise<T> =>
    withDeadline(work, deadlineMs, () => fail(what));
  const watch = { state: 'pending' };
  service.done.then(
    () => (watch.state = 'resolved'),
    (error: unknown) => (watch.state = `rejected: ${String(error)}`),
  );
  const isPending = (what: string): void => {
    if (watch.state !== 'pending') fail(`done was ${watch.state} ${what}`);
  };
  await way({ service, random, within, isPending });
  // Asked before the second stop, which would tidy up what the first one forgot.
  const left = await running?.();
  if (left !== undefined && left !== 0) fail(`${left} of the service still run after the stop`);
  // Whatever the way was: after all stops have resolved, stopping again is harmless and `done` has resolved.
  await within(service.stop(), 'a stop after the stop hangs');
  await within(service.done, 'done does not resolve after the stop').catch((error: unknown) =>
    fail(`done was rejected although the service was stopped: ${String(error)}`),
  );
}

interface Scene {
  readonly service: Service;
  readonly random: Random;
  readonly within: <T>(work: Promise<T>, what: string) => Promise<T>;
  readonly isPending: (when: string) => void;
}
type Way = (scene: Scene) => Promise<void>;

async function usual({ service, random, within, isPending }: Scene): Promise<void> {
  await within(service.start(), 'start hangs');
  isPending('when start had resolved');
  await turns(Math.floor(random() * 5));
  isPending('while it ran');
  await within(service.stop(), 'stop hangs');
}

async function stopDuringStart({ service, random, within }: Scene): Promise<void> {
  // A start that was cut short may resolve or reject; it must only not hang.
  const starting = service.start().catch(() => undefined);
  await turns(Math.floor(random() * 4));
  await within(service.stop(), 'stop during start hangs');
  await within(starting, 'start hangs after a stop');
}

async function manyStops({ service, random, within }: Scene): Promise<void> {
  await within(service.start(), 'start hangs');
  const stops = [service.stop(), service.stop()];
  await turns(Math.floor(random() * 3));
  stops.push(service.stop());
  await within(Promise.all(stops), 'one of several stops hangs');
}

async function stopBeforeStart({ service, within }: Scene): Promise<void> {
  await within(service.stop(), 'stop before start hangs');
}

const WAYS: readonly Way[] = [usual, stopDuringStart, manyStops, stopBeforeStart];

/** Lets timers, I/O and promises get ahead. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

async function withDeadline<T>(work: Promise<T>, ms: number, late: () => never): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  try {
    const first = await Promise.race([work.then((value) => ({ value })), expired]);
    return first === 'late' ? late() : first.value;
  } finally {
    clearTimeout(timer);
  }
}
