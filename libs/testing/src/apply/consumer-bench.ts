import { memoryBroker } from '@convergekit/broker/testing';
import type { Broker, Producer } from '@convergekit/broker';
import { declareCalls } from '@convergekit/saga/testing';
import {
  type ConsumerDefinition,
  type ConsumerService,
  consumerService,
  type Middleware,
} from '@convergekit/inbox';
import type { Database } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import { callsOf } from '@convergekit/saga';
import { TestingError } from '../testing-error.ts';
import { waitUntil } from '../wait-until.ts';
import { type BenchOptions, parkingByHand, quickPolicies } from './bench-options.ts';
import { type ConsumerLog, consumerLog } from './consumer-log.ts';
import type { EmittedEvent } from './events.ts';
import type { HandlerCall, Settled } from './outcome.ts';

type Status = ReturnType<ConsumerService['status']>[number]['partitions'][number];

/** A real consumer on a real database, which reads a log that the test writes record by record. */
export class ConsumerBench {
  readonly name: string;
  readonly topics: readonly string[];
  readonly #log: ConsumerLog;
  readonly #broker: Broker;
  readonly #service: ConsumerService;
  readonly #calls: HandlerCall[] = [];
  #producer: Producer | undefined;
  #failure: unknown;

  private constructor(
    { name, topics }: Pick<ConsumerBench, 'name' | 'topics'>,
    log: ConsumerLog,
    broker: Broker,
    serviceWith: (middleware: Middleware) => ConsumerService,
  ) {
    this.name = name;
    this.topics = topics;
    this.#log = log;
    this.#broker = broker;
    this.#service = serviceWith(this.#watch);
    this.#service.done.catch((error: unknown) => (this.#failure = error));
  }

  static async open<DB>(
    database: Database<DB>,
    consumer: ConsumerDefinition<DB>,
    { policies = quickPolicies }: BenchOptions,
  ): Promise<ConsumerBench> {
    const log = consumerLog(database, consumer.name);
    const broker = memoryBroker({ cluster: log.cluster });
    const bench = new ConsumerBench(consumer, log, broker, (watch) =>
      consumerService([consumer], {
        database,
        broker,
        policies,
        parking: parkingByHand,
        middleware: [watch as Middleware<DB>],
      }),
    );
    try {
      const admin = await broker.admin();
      for (const name of [...consumer.topics, consumer.failureTopic])
        await admin.createTopic({ name, partitions: log.partitions });
      const names = callsOf(consumer).map(({ name }) => name);
      if (names.length > 0) await declareCalls(database.executor, names, 'test');
      await bench.#service.start();
      bench.#producer = await broker.producer();
      return bench;
    } catch (error) {
      await bench.close();
      throw error;
    }
  }

  /** Leaves a gap where the event would be: it has a position, and never arrives. */
  lose(event: EmittedEvent): void {
    this.#log.recordOf(event);
  }

  /** Delivers an event, and waits for what becomes of it. */
  async deliver(event: EmittedEvent): Promise<Settled> {
    const { topic, partition, record } = this.#log.recordOf(event);
    const at = await waitUntil(() => this.#settledAt(topic, partition, -1n), {
      what: `${this.name} to get ${topic}/${partition}`,
      everyMs: 2,
    });
    this.#calls.length = 0;
    const [sent] = (await this.#producer?.send([{ topic, partition, records: [record] }])) ?? [];
    if (sent?.ok !== true) throw sent?.error ?? new TypeError('nothing was sent');
    const { baseOffset } = sent;
    const now = await waitUntil(() => this.#settledAt(topic, partition, baseOffset), {
      what: `${this.name} to end the event ${event.type} of key ${event.key}`,
      everyMs: 2,
    });
    return { before: at.counts, after: now.counts, state: now, calls: [...this.#calls] };
  }

  async close(): Promise<void> {
    await this.#service.stop();
    await this.#broker.close();
  }

  /** The partition's status, once it is past the offset or cannot go on; undefined before. */
  #settledAt(topic: string, partition: number, offset: bigint): Status | undefined {
    const [status] = this.#service.status();
    if (this.#failure !== undefined) throw this.#stopped(this.#failure);
    const found = status?.partitions.find((one) => one.topic === topic && one.partition === partition);
    if (found === undefined) return undefined;
    const waits = found.state === 'halted' || (found.state === 'paused' && found.code !== 'fetch_stalled');
    return found.nextOffset > offset || waits ? found : undefined;
  }

  #stopped(error: unknown): TestingError {
    const { message } = classify(error);
    return new TestingError(
      'CONSUMER_STOPPED',
      `consumer ${this.name} stopped, as it would in production: ${message}`,
      error,
    );
  }

  readonly #watch: Middleware = async (call, next) => {
    const { handler } = call.subscription;
    try {
      await next(call);
      this.#calls.push({ handler });
    } catch (error) {
      this.#calls.push({ handler, error });
      throw error;
    }
  };
}
