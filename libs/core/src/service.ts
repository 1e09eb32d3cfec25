import { type Clock, systemClock } from './clock.ts';

/**
 * A thing with a lifecycle: relay, consumer, reconciler, HTTP server. Obligations of every implementation, checked
 * by one stress test for all of them:
 * - `start` resolves when the service is ready to work, or rejects and leaves nothing running;
 * - `stop` may be called at any time, more than once, and resolves when nothing of the service runs any more;
 *   work in flight is finished or rolled back, never half done;
 * - `done` resolves after a `stop`, and rejects when the service died by itself. It is never unhandled: whoever
 *   runs the service watches it.
 */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly done: Promise<void>;
}

export interface RunOptions {
  /** Called once, when all services are ready. */
  readonly onReady?: () => void;
  /** Called when a stop begins, with its reason (a signal's name, or the name of the service that died). */
  readonly onStopping?: (reason: string) => void;
  /** Milliseconds that the stop of all may take before `runServices` rejects; each has an equal share. @default 25_000 */
  readonly stopDeadlineMs?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

/**
 * Starts services in order, runs them until SIGINT, SIGTERM, or the first of them dies, and stops them in reverse.
 * A second signal exits the process at once with 130. Rejects with the reason when a service failed to start or died.
 */
export async function runServices(services: readonly Service[], options: RunOptions = {}): Promise<void> {
  const started: Service[] = [];
  const signal = untilSignal();
  try {
    for (const service of services) {
      const starting = service.start();
      const outcome = await Promise.race([starting.then(() => 'ready' as const), signal.received]);
      started.push(service);
      if (outcome !== 'ready') {
        await starting.catch(() => undefined);
        options.onStopping?.(outcome);
        return;
      }
    }
    options.onReady?.();
    const died = services.map((service) => service.done.then(() => service.name));
    // Awaited before the call: `onStopping?.(await …)` would not wait at all when nobody listens.
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
 * Stops services in reverse order, and rejects with the first error or with the names of those that were late. A service
 * that takes longer than its share of the time stops beside the next ones: it keeps none of them from stopping.
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
    await within(stopped, deadlineMs / services.length, clock);
  }
  await within(Promise.all(stops), until - clock.monotonic(), clock);
  if (late.size > 0)
    throw new Error(
      `the stop of ${[...late].map(({ name }) => name).join(', ')} took longer than ${deadlineMs} ms: the process is left to its supervisor`,
    );
  if (errors.length > 0) throw errors[0];
}

/** Resolves with the work, which does not reject, or after `ms`. */
async function within(work: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  const patience = new AbortController();
  await Promise.race([work, clock.sleep(ms, patience.signal)]);
  patience.abort();
}

interface SignalWatch {
  readonly received: Promise<string>;
  dispose(): void;
}

const SAME_WISH_MS = 250;

function untilSignal(): SignalWatch {
  const { promise, resolve } = Promise.withResolvers<string>();
  let first: number | undefined;
  const onSignal = (name: string): void => {
    first ??= performance.now();
    // npm and npx pass on the Ctrl-C that the terminal has sent to all of them: within a moment it is one wish.
    if (performance.now() - first > SAME_WISH_MS) process.exit(130);
    resolve(name);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    received: promise,
    dispose: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    },
  };
}
