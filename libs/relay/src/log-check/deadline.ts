import { BrokerError, partitionId } from '@convergekit/broker/engine';

/** A partition or a whole topic whose log cannot be read now. */
export interface Unread {
  readonly topic: string;
  /** The partition; undefined: the whole topic. */
  readonly partition: number | undefined;
  /** `TOPIC_UNKNOWN` and `NOT_AUTHORIZED` are about the topic; every other reason is `LOG_NOT_COMPARED`. */
  readonly code: string;
  readonly why: string;
}

/** Bounds the time of reading. A read that is late is not awaited. */
export class Deadline {
  readonly #passed: Promise<'passed'>;
  #isOver = false;

  /** Creates a deadline; there is none without `until`. */
  constructor(until?: Promise<unknown>) {
    const { promise, resolve } = Promise.withResolvers<'passed'>();
    this.#passed = promise;
    void until?.then(() => {
      this.#isOver = true;
      resolve('passed');
    });
  }

  /** Rejects with a BrokerError when there is no answer in time. */
  async within<T>(work: Promise<T>): Promise<T> {
    // An answer that is there already counts, also when the time is over.
    const first = await Promise.race([
      work.then((value) => ({ value })),
      this.#passed.then(() => this.#passed),
    ]);
    if (first !== 'passed') return first.value;
    throw new BrokerError('the broker did not answer in time', { code: 'BROKER_UNREACHABLE', kind: 'retry' });
  }

  /**
   * Reads, or returns the reason why it cannot. An error of the connection itself (login, TLS) is thrown: it concerns
   * every topic.
   */
  async read<T>(
    place: { readonly topic: string; readonly partition?: number },
    read: () => Promise<T>,
  ): Promise<{ readonly value: T } | Unread> {
    try {
      return { value: await this.within(this.#isOver ? new Promise<T>(() => undefined) : read()) };
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind === 'configuration') throw error;
      return unreadOf(place, error);
    }
  }
}

/** An error as what is unread: a refusal by configuration concerns the whole topic. */
export function unreadOf(
  { topic, partition }: { readonly topic: string; readonly partition?: number },
  { kind, code, message, partition: found = partition }: BrokerError,
): Unread {
  const id = found === undefined ? '' : partitionId(topic, found);
  const isOfTopic = kind === 'halt_topic';
  return {
    topic,
    partition: isOfTopic ? undefined : partition,
    code: isOfTopic ? code : 'LOG_NOT_COMPARED',
    why: message.includes(id) ? message : `${id}: ${message}`,
  };
}
