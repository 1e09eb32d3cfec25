import type { Random } from '@convergekit/core';
import type { EmittedEvent } from './events.ts';

/** A place in which order is kept: the events of one key of one topic, on their way to one consumer. */
interface Lane {
  readonly consumer: string;
  readonly waiting: Waiting[];
  /** What was delivered, for repeats. */
  readonly delivered: EmittedEvent[];
}

interface Waiting {
  readonly event: EmittedEvent;
  /** The order in which events were published. */
  readonly at: number;
  readonly again: boolean;
}

/** The next delivery. */
export interface Delivery {
  readonly consumer: string;
  readonly event: EmittedEvent;
  /** True for a repeat, as after a crash of a relay. */
  readonly again: boolean;
}

export interface OrderOptions {
  readonly order: 'random' | 'given';
  /** The share of deliveries after which events are repeated, from 0 to 1. */
  readonly duplicates: number;
  readonly random: Random;
}

/** A relay that crashed sends its last unsaved batch again. */
const MOST_REPEATED = 3;

/**
 * Decides the next delivery. Pure, but for its own queues. The order of one key is kept towards each consumer, as in a
 * partition; all else may overtake. A repeat begins at an earlier event of its key, and all later ones follow again.
 */
export class DeliveryOrder {
  readonly #options: OrderOptions;
  readonly #lanes = new Map<string, Lane>();
  #published = 0;

  constructor(options: OrderOptions) {
    this.#options = options;
  }

  /** Publishes an event, to the consumers that subscribe to its topic. */
  publish(event: EmittedEvent, consumers: readonly string[]): void {
    const at = this.#published++;
    for (const consumer of consumers) {
      const name = JSON.stringify([consumer, event.topic, event.key]);
      const lane = this.#lanes.get(name) ?? { consumer, waiting: [], delivered: [] };
      this.#lanes.set(name, lane);
      lane.waiting.push({ event, at, again: false });
    }
  }

  /** Takes the next delivery; undefined when all events are delivered. */
  next(): Delivery | undefined {
    const lane = this.#pick([...this.#lanes.values()].filter(({ waiting }) => waiting.length > 0));
    const first = lane?.waiting.shift();
    if (lane === undefined || first === undefined) return undefined;
    const { event, again, at } = first;
    if (!again) lane.delivered.push(event);
    const { random, duplicates } = this.#options;
    if (!again && random() < duplicates) {
      const count = 1 + Math.floor(random() * Math.min(MOST_REPEATED, lane.delivered.length));
      lane.waiting.unshift(...lane.delivered.slice(-count).map((one) => ({ event: one, at, again: true })));
    }
    return { consumer: lane.consumer, event, again };
  }

  #pick(lanes: readonly Lane[]): Lane | undefined {
    const { order, random } = this.#options;
    if (order === 'random') return lanes[Math.floor(random() * lanes.length)];
    return lanes.toSorted((a, b) => (a.waiting[0]?.at ?? 0) - (b.waiting[0]?.at ?? 0))[0];
  }
}
