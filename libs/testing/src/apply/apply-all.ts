import { seededRandom } from '@convergekit/core';
import { messageOf } from '@convergekit/core/engine';
import type { ParkedSummary } from '@convergekit/inbox/operate';
import { type ServicesUnderTest, withoutTables } from '../services-under-test.ts';
import type { BenchOptions } from './bench-options.ts';
import type { OpenCall } from './calls-sql.ts';
import type { ConsumerBench } from './consumer-bench.ts';
import { type Delivery, DeliveryOrder } from './delivery-order.ts';
import { asEmitted, type EmittedEvent, type GivenEvent } from './events.ts';
import { endOf, type Settled } from './outcome.ts';
import { ServiceBench } from './service-bench.ts';

export interface ApplyAllOptions extends BenchOptions {
  /**
   * random   the events of one key reach each consumer in order; all else overtakes, as between partitions and services
   * given    in the order in which they were published
   * @default random
   */
  readonly order?: 'random' | 'given';
  /** The share of deliveries that are repeated later, from 0 to 1. @default 0.1 */
  readonly duplicates?: number;
  /** Decides order and duplicates; equal seeds deliver in the same order. @default 1 */
  readonly seed?: number;
  /** What must hold at all times: called after every delivery, throws or rejects when it does not. @default nothing */
  readonly always?: () => Promise<void> | void;
}

/** The state in which nothing happens any more. */
export interface Quiet {
  /** The seed that repeats this order. */
  readonly seed: number;
  /** The deliveries, one line each. */
  readonly history: readonly string[];
  /** All events that were emitted, in the order in which they were published. */
  readonly emitted: readonly EmittedEvent[];
  /** Events that are still parked, although they were tried again, and dead letters. */
  readonly parked: readonly ParkedSummary[];
  /** Calls to other systems that do not end by being tried again. */
  readonly openCalls: readonly OpenCall[];
}

/**
 * Runs several services until nothing happens any more: delivers the given events, and all that their outboxes hold,
 * to every consumer, makes their calls, and tries parked events again. The consumers are the real ones on their real
 * databases; the test takes the place of relays and Kafka. Rejects with an ApplyAllError, which has the seed and the
 * history, when `always` fails, a partition halts or a consumer stops.
 * @example
 * ```ts
 * import { applyAll } from '@convergekit/testing';
 * import { database, orderPlaced, payments } from './shop.ts';
 *
 * const quiet = await applyAll(
 *   [{ database, consumers: [payments] }],
 *   [orderPlaced({ orderId: 'o-1', cents: 4_999 })],
 *   { seed: 1, duplicates: 0.3 },
 * );
 * console.log(quiet.parked, quiet.openCalls);
 * ```
 */
export async function applyAll<const DBs extends readonly unknown[]>(
  services: ServicesUnderTest<DBs>,
  events: readonly GivenEvent[],
  options: ApplyAllOptions = {},
): Promise<Quiet> {
  const { seed = 1 } = options;
  const history: string[] = [];
  const opened: ServiceBench[] = [];
  try {
    for (const service of withoutTables(services)) opened.push(await ServiceBench.open(service, options));
    return { seed, history, ...(await untilQuiet(opened, events, options, history)) };
  } catch (error) {
    throw new ApplyAllError(seed, history, error);
  } finally {
    for (const service of opened.toReversed()) await service.close();
  }
}

async function untilQuiet(
  services: readonly ServiceBench[],
  events: readonly GivenEvent[],
  { order = 'random', duplicates = 0.1, seed = 1, always }: ApplyAllOptions,
  history: string[],
): Promise<Omit<Quiet, 'seed' | 'history'>> {
  const consumers = new Map(services.flatMap((service) => service.consumers.map((one) => [one.name, one])));
  const deliveries = new DeliveryOrder({ order, duplicates, random: seededRandom(seed) });
  const emitted: EmittedEvent[] = [];
  const publish = (event: EmittedEvent): void => {
    const hearing = [...consumers.values()].filter(({ topics }) => topics.includes(event.topic));
    deliveries.publish(
      event,
      hearing.map(({ name }) => name),
    );
  };
  const publishEmitted = async (): Promise<void> => {
    for (const service of services)
      for (const event of await service.emitted()) {
        emitted.push(event);
        publish(event);
      }
  };
  for (const event of events) publish(asEmitted(event));
  const deliverAll = async (): Promise<number> => {
    for (let count = 0; ; count += 1) {
      for (const service of services) await service.callsEnd();
      await publishEmitted();
      const next = deliveries.next();
      if (next === undefined) return count;
      await deliverNext(consumers, next, history);
      await always?.();
    }
  };
  await deliverAll();
  // One retry may unblock another: it goes on while there are fewer of them, or something new to deliver.
  for (let waiting = await waitingIn(services); waiting > 0;) {
    history.push(`${waiting} parked events are tried again`);
    for (const service of services) await service.retryParked();
    await always?.();
    const delivered = await deliverAll();
    const left = await waitingIn(services);
    if (delivered === 0 && left >= waiting) break;
    waiting = left;
  }
  return {
    emitted,
    parked: await parkedIn(services),
    openCalls: (await Promise.all(services.map((service) => service.callsEnd()))).flat(),
  };
}

async function deliverNext(
  consumers: ReadonlyMap<string, ConsumerBench>,
  { consumer, event, again }: Delivery,
  history: string[],
): Promise<void> {
  const line = `${event.type} (${event.key}) to ${consumer}${again ? ', again' : ''}`;
  history.push(line);
  const settled = await consumers.get(consumer)?.deliver(event);
  if (settled === undefined) throw new TypeError(`${consumer} is not open`);
  history[history.length - 1] = `${line}: ${nameOf(settled)}`;
  const end = endOf(settled, undefined);
  if (end.kind === 'halted' || end.kind === 'gap' || end.kind === 'paused')
    throw new Error(`${consumer} does not go on: ${end.reason}`);
}

/** The end of a delivery in one word, by the counts alone. */
function nameOf({ before, after, state, calls }: Settled): string {
  const names = ['handled', 'duplicates', 'rejected', 'deadLetters', 'parked'] as const;
  const words = ['applied', 'duplicate', 'rejected', 'dead letter', 'parked'];
  const at = names.findIndex((name) => after[name] > before[name]);
  if (state.state !== 'running') return state.state;
  return words[at] ?? (calls.length > 0 ? 'resolved' : 'skipped');
}

async function parkedIn(services: readonly ServiceBench[]): Promise<readonly ParkedSummary[]> {
  return (await Promise.all(services.map((service) => service.parked()))).flat();
}

async function waitingIn(services: readonly ServiceBench[]): Promise<number> {
  return (await parkedIn(services)).filter(({ state }) => state === 'waiting').length;
}

/** Several consumers did not do what was expected. The message has the seed and the history up to the failure. */
export class ApplyAllError extends Error {
  readonly seed: number;
  /** The deliveries, one line each, until the failure. */
  readonly history: readonly string[];

  constructor(seed: number, history: readonly string[], cause: unknown) {
    const why = messageOf(cause);
    super(
      `${why}\nafter ${history.length} deliveries:${history.map((line) => `\n  ${line}`).join('')}\nRun it again, in empty databases: { seed: ${seed} }`,
      { cause },
    );
    this.name = 'ApplyAllError';
    this.seed = seed;
    this.history = history;
  }
}
