import { type Clock, systemClock } from './clock.ts';
import { endsWithin } from './ends-within.ts';

/**
 * A component with a lifecycle: a relay, a consumer, a reconciler, an HTTP server.
 * Every implementation has these obligations, which one stress test checks:
 * - `start` resolves when the service is ready to work, or rejects and leaves nothing running;
 * - `stop` may be called at any time, more than once, and resolves when nothing of the service runs any more;
 *   work in flight is finished or rolled back, never half done;
 * - `done` resolves after a `stop`, and rejects when the service failed. The code that runs the service must handle
 *   its rejection.
 */
export interface Service {
  /** The name in logs and in the reason of a stop. */
  readonly name: string;
  /** Resolves when the service is ready. A rejection stops the process. */
  start(): Promise<void>;
  /** Ends what is in progress, and resolves then. Idempotent. */
  stop(): Promise<void>;
  /** Resolves after `stop`; rejects when the service fails for good. */
  readonly done: Promise<void>;
}

export interface RunOptions {
  /** Called once, when all services are ready. @default nothing */
  readonly onReady?: () => void;
  /**
   * Called when a stop begins, with the reason: a signal's name, `abort`, or the name of the failed service. @default
   * nothing
   */
  readonly onStopping?: (reason: string) => void;
  /** Time limit for stopping all services, each with an equal share, in milliseconds. Then `runServices` rejects. @default 25_000 */
  readonly stopDeadlineMs?: number;
  /** Stops the services when it aborts, as a first SIGTERM does. @default only a signal of the process stops them */
  readonly signal?: AbortSignal | undefined;
  /** The clock of the time limits; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
}

/**
 * Runs services until SIGINT, SIGTERM, an abort, or the first failure, then stops them in reverse. The services start in
 * order. A signal during a start stops that service at once. A second signal exits the process at once with 130. The
 * promise rejects with the reason when a service failed to start or failed later.
 * @example
 * ```ts
 * import { consumerService, relay, runServices } from 'convergekit/process';
 * import { broker, database, payments } from './shop.ts';
 *
 * // Until SIGTERM, SIGINT or the first failure; then they stop in reverse.
 * await runServices([relay({ database, broker }), consumerService([payments], { database, broker })]);
 * ```
 */
export async function runServices(services: readonly Service[], options: RunOptions = {}): Promise<void> {
  const started: Service[] = [];
  const signal = untilSignal(options.signal);
  try {
    for (const service of services) {
      const starting = service.start();
      const outcome = await Promise.race([starting.then(() => 'ready' as const), signal.received]);
      started.push(service);
      if (outcome !== 'ready') {
        // Not awaited: a start that waits for a database or a broker ends by the stop.
        starting.catch(() => undefined);
        options.onStopping?.(outcome);
        return;
      }
    }
    options.onReady?.();
    const died = services.map((service) => service.done.then(() => service.name));
    // Awaited before the call: `onStopping?.(await …)` would skip the await when `onStopping` is not set.
    const reason = await Promise.race([signal.received, ...died]);
    options.onStopping?.(reason);
  } finally {
    try {
      await stopAll(started, options.stopDeadlineMs ?? 25_000, options.clock ?? systemClock);
    } finally {
      signal.dispose();
    }
  }
}

/**
 * Stops services in reverse order; rejects with the first error or the names of late services. A service that exceeds
 * its share of the time keeps stopping while the next ones are stopped and delays none of them.
 */
async function stopAll(services: readonly Service[], deadlineMs: number, clock: Clock): Promise<void> {
  const until = clock.monotonic() + deadlineMs;
  const late = new Set<Service>();
  const errors: unknown[] = [];
  const stops: Promise<void>[] = [];
  for (const service of services.toReversed()) {
    late.add(service);
    const stopped = service
      .stop()
      .catch((error: unknown) => void errors.push(error))
      .then(() => void late.delete(service));
    stops.push(stopped);
    await endsWithin(stopped, deadlineMs / services.length, clock);
  }
  await endsWithin(Promise.all(stops), until - clock.monotonic(), clock);
  if (late.size > 0)
    throw new Error(
      `the stop of ${[...late].map(({ name }) => name).join(', ')} took longer than ${deadlineMs} ms: the process is left to its supervisor`,
    );
  if (errors.length > 0) throw errors[0];
}

interface SignalWatch {
  readonly received: Promise<string>;
  dispose(): void;
}

const SAME_SIGNAL_MS = 250;
/** The longest delay of a timer of Node, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

function untilSignal(caller: AbortSignal | undefined): SignalWatch {
  const { promise, resolve } = Promise.withResolvers<string>();
  let first: number | undefined;
  const onSignal = (name: string): void => {
    first ??= performance.now();
    // npm and npx forward the Ctrl-C that every process already got: two signals close together count as one.
    if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
    resolve(name);
  };
  const onAbort = (): void => resolve('abort');
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // Node ends by itself, with code 13, while it waits for a signal or for children that are not referenced.
  const held = setInterval(() => undefined, LONGEST_MS);
  if (caller?.aborted === true) onAbort();
  caller?.addEventListener('abort', onAbort);
  return {
    received: promise,
    dispose: () => {
      clearInterval(held);
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      caller?.removeEventListener('abort', onAbort);
    },
  };
}
