import { type Random, seededRandom } from './random.ts';
import type { Service } from './service.ts';

export interface ServiceStressOptions {
  /** Creates a fresh service for each round, before `start`. */
  readonly make: () => Service | Promise<Service>;
  /** Counts open connections, timers and group members; it must be 0 after a stop. @default not checked */
  readonly running?: () => number | Promise<number>;
  /** @default 30 */
  readonly rounds?: number;
  /** Time limit of one call, in milliseconds; a longer call counts as hanging. @default 15_000 */
  readonly deadlineMs?: number;
}

/**
 * Starts and stops a service in random interleavings and checks the obligations in `service.ts`.
 * It throws an Error that names the round, the scenario and the broken obligation. It needs no test framework.
 */
export async function stressService(options: ServiceStressOptions): Promise<void> {
  const { rounds = 30 } = options;
  const random = seededRandom(1);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (let round = 1; round <= rounds; round += 1) {
      // The first rounds run each scenario once, the others a random one.
      const scenario =
        SCENARIOS[round <= SCENARIOS.length ? round - 1 : Math.floor(random() * SCENARIOS.length)] ??
        startAndStop;
      const fail = (what: string): never => {
        throw new Error(`round ${round} (${scenario.name}): ${what}`);
      };
      await runRound({ ...options, scenario, random, fail });
      await yieldLoop(2);
      if (unhandled.length > 0) fail(`a rejection was left unhandled: ${String(unhandled[0])}`);
    }
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
}

interface Round extends ServiceStressOptions {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly fail: (what: string) => never;
}

async function runRound({
  make,
  running,
  scenario,
  random,
  fail,
  deadlineMs = 15_000,
}: Round): Promise<void> {
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
  await scenario({ service, random, within, isPending });
  // Checked before the second stop, which would clean up what the first one missed.
  const left = await running?.();
  if (left !== undefined && left !== 0) fail(`${left} of the service still run after the stop`);
  // The service has stopped: another stop is harmless, and `done` has resolved.
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
type Scenario = (scene: Scene) => Promise<void>;

async function startAndStop({ service, random, within, isPending }: Scene): Promise<void> {
  await within(service.start(), 'start hangs');
  isPending('when start had resolved');
  await yieldLoop(Math.floor(random() * 5));
  isPending('while it ran');
  await within(service.stop(), 'stop hangs');
}

async function stopDuringStart({ service, random, within }: Scene): Promise<void> {
  // An interrupted start may resolve or reject, but must not hang.
  const starting = service.start().catch(() => undefined);
  await yieldLoop(Math.floor(random() * 4));
  await within(service.stop(), 'stop during start hangs');
  await within(starting, 'start hangs after a stop');
}

async function manyStops({ service, random, within }: Scene): Promise<void> {
  await within(service.start(), 'start hangs');
  const stops = [service.stop(), service.stop()];
  await yieldLoop(Math.floor(random() * 3));
  stops.push(service.stop());
  await within(Promise.all(stops), 'one of several stops hangs');
}

async function stopBeforeStart({ service, within }: Scene): Promise<void> {
  await within(service.stop(), 'stop before start hangs');
}

const SCENARIOS: readonly Scenario[] = [startAndStop, stopDuringStart, manyStops, stopBeforeStart];

/** Yields to timers, I/O and promises `count` times. */
async function yieldLoop(count: number): Promise<void> {
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
