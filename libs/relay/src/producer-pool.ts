import type { Broker, Producer } from '@convergekit/kafka';

/** The producers of one leadership: one for each send in flight, because sends of one producer wait for each other. */
export class ProducerPool {
  readonly #broker: Broker;
  readonly #idle: Producer[] = [];

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async take(): Promise<Producer> {
    return this.#idle.pop() ?? (await this.#broker.producer());
  }

  give(producer: Producer): void {
    this.#idle.push(producer);
  }

  /** After a failed send a producer's state is not to be trusted: it is closed, and no other send is concerned. */
  async discard(producer: Producer): Promise<void> {
    await producer.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((producer) => this.discard(producer)));
  }
}
