import type { Broker, Producer } from '@convergekit/broker';
import type { CopyExecutor } from '@convergekit/postgres/engine';
import type { Executor } from '@convergekit/postgres';
import type { Clock } from '@convergekit/core';

/** The ports that the relay's loops await: a leader's two connections, its producer, and the pool. */
export type Channel = 'reads' | 'writes' | 'produce' | 'lease';

/** The times of the last request or answer, and of the first unanswered request; monotonic milliseconds. */
export interface Pulse {
  readonly lastAt: number;
  readonly pendingSince: number | undefined;
}

/**
 * Records when each statement and each produce of the loops was asked and answered. A watchdog that relied on reports of
 * the loops would miss one that waits for ever; at the port the missing answer is seen.
 */
export class Activity {
  readonly #clock: Clock;
  readonly #lastAt = new Map<Channel, number>();
  readonly #pending = new Map<Channel, Set<{ readonly since: number }>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new leadership begins: what the last one still waits for is no longer anyone's. */
  begin(): void {
    for (const channel of ['reads', 'writes', 'produce', 'lease'] as const) {
      this.#pending.delete(channel);
      this.#lastAt.set(channel, this.#clock.monotonic());
    }
  }

  pulse(channel: Channel): Pulse {
    let pendingSince: number | undefined;
    for (const { since } of this.#pending.get(channel) ?? [])
      if (pendingSince === undefined || since < pendingSince) pendingSince = since;
    return { lastAt: this.#lastAt.get(channel) ?? this.#clock.monotonic(), pendingSince };
  }

  executor(channel: Channel, executor: Executor): Executor {
    return {
      query: <R>(text: string, values?: readonly unknown[]) =>
        this.#watch(channel, () => executor.query<R>(text, values)),
    };
  }

  copyExecutor(channel: Channel, executor: CopyExecutor): CopyExecutor {
    return {
      ...this.executor(channel, executor),
      copy: (select) => {
        const copy = executor.copy(select);
        return {
          [Symbol.asyncIterator]() {
            return this;
          },
          // A block at a time: an answer is pending only while the reader asks for it.
          next: () => this.#watch(channel, () => copy.next()),
          return: async () => (await copy.return?.()) ?? { done: true, value: undefined },
        };
      },
    };
  }

  broker(broker: Broker): Broker {
    return {
      driver: broker.driver,
      producer: () => this.#watch('produce', async () => this.#producer(await broker.producer())),
      consumer: (options) => broker.consumer(options),
      admin: () => broker.admin(),
      close: () => broker.close(),
    };
  }

  #producer(producer: Producer): Producer {
    return {
      send: (batches, timeoutMs) => this.#watch('produce', () => producer.send(batches, timeoutMs)),
      close: () => producer.close(),
    };
  }

  async #watch<T>(channel: Channel, ask: () => Promise<T>): Promise<T> {
    const asked = { since: this.#clock.monotonic() };
    const pending = this.#pending.get(channel) ?? new Set();
    this.#pending.set(channel, pending.add(asked));
    this.#lastAt.set(channel, asked.since);
    try {
      return await ask();
    } finally {
      pending.delete(asked);
      this.#lastAt.set(channel, this.#clock.monotonic());
    }
  }
}
