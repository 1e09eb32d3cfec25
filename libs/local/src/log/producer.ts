import {
  batchTooLarge,
  BrokerError,
  encodeRecordBatch,
  type Leadership,
  type NumberedBatch,
  type OutgoingBatch,
  placeMissing,
  type Producer,
  producerClosed,
  SendOutcome,
  type SendResult,
  topicUnknown,
} from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';
import { type Append, append } from './append-sql.ts';
import { findTopics, type LocalTopic } from './topic-sql.ts';

/** Batches go together into one statement up to this size, bytes. */
const STATEMENT_BYTES = 16_777_216;

type Encoded = NumberedBatch & { readonly append: Append };

export interface ProducerOptions {
  readonly session: LogSession;
  readonly leadership: Leadership | undefined;
  /** Called before a send, at most once in a while: makes and drops children. */
  readonly maintain: () => Promise<void>;
  readonly onClose: () => void;
}

/** Appends batches, as many in one transaction as fit into one statement. It retries nothing with an unknown outcome. */
export class LocalProducer implements Producer {
  readonly #options: ProducerOptions;
  readonly #topics = new Map<string, LocalTopic>();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #broken: BrokerError | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  send(batches: readonly OutgoingBatch[], timeoutMs?: number): Promise<readonly SendResult[]> {
    const sending = this.#last.then(() => this.#send(batches, timeoutMs));
    this.#last = sending;
    return sending;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    this.#options.session.close();
    this.#options.onClose();
  }

  async #send(batches: readonly OutgoingBatch[], timeoutMs?: number): Promise<readonly SendResult[]> {
    const outcome = new SendOutcome();
    let queue = batches.map((batch, index) => ({ index, batch }));
    if (this.#closed) for (const one of queue.splice(0)) outcome.failed(one, producerClosed(one.batch));
    try {
      if (queue.length > 0) {
        await this.#options.maintain();
        await this.#lookUp(queue);
      }
      while (queue.length > 0) queue = await this.#appendNext(queue, outcome, timeoutMs);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      // The statement may still run: a later one on another connection could overtake it.
      if (error.certainty === 'unknown') this.#broken = error;
      for (const one of queue) outcome.failed(one, unsent(error, one.batch));
    }
    return outcome.results;
  }

  /** Appends the first batches that fit into one statement; returns the others. */
  async #appendNext(
    queue: readonly NumberedBatch[],
    outcome: SendOutcome,
    timeoutMs?: number,
  ): Promise<NumberedBatch[]> {
    if (this.#broken !== undefined) throw lost(this.#broken);
    const request: Encoded[] = [];
    let size = 0;
    let taken = 0;
    for (const one of queue) {
      const encoded = this.#encode(one, outcome);
      if (encoded !== undefined) {
        size += encoded.append.bytes.length;
        if (request.length > 0 && size > STATEMENT_BYTES) break;
        request.push(encoded);
      }
      taken += 1;
    }
    if (request.length > 0) await this.#append(request, outcome, timeoutMs);
    return queue.slice(taken);
  }

  #encode(one: NumberedBatch, outcome: SendOutcome): Encoded | undefined {
    const { topic, partition, records } = one.batch;
    const known = this.#topics.get(topic);
    if (outcome.passesOver(one)) return undefined;
    if (known === undefined) outcome.failed(one, topicUnknown(topic));
    else {
      const bytes = 'bytes' in records ? records.bytes : encodeRecordBatch(records);
      const refusal = this.#options.leadership?.refusalOf(one.batch);
      if (refusal !== undefined) outcome.failed(one, refusal);
      else if (bytes.length > known.maxBytes)
        outcome.failed(one, batchTooLarge(one.batch, bytes.length, known.maxBytes));
      else return { ...one, append: { topicId: known.id, partition, records: records.length, bytes } };
    }
    return undefined;
  }

  async #append(request: readonly Encoded[], outcome: SendOutcome, timeoutMs?: number): Promise<void> {
    const { session } = this.#options;
    let bases: ReadonlyMap<number, bigint>;
    try {
      bases = await append(
        session,
        request.map((one) => one.append),
        timeoutMs,
      );
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      outcome.failedTogether(request, error);
      throw error;
    }
    for (const [at, one] of request.entries()) {
      const base = bases.get(at);
      if (base !== undefined) outcome.written(one, base);
      else {
        // The topic was deleted, and perhaps created again: the next send looks it up.
        this.#topics.delete(one.batch.topic);
        outcome.failed(one, placeMissing(one.batch));
      }
    }
  }

  async #lookUp(queue: readonly NumberedBatch[]): Promise<void> {
    const names = queue.map(({ batch }) => batch.topic).filter((name) => !this.#topics.has(name));
    if (names.length === 0) return;
    for (const [name, topic] of await findTopics(this.#options.session, names)) this.#topics.set(name, topic);
  }
}

/** Fails a batch that no statement had yet, since the connection failed before. */
function unsent(cause: BrokerError, { topic, partition }: OutgoingBatch): BrokerError {
  const { code, kind } = cause;
  const text = `not sent to ${topic}/${partition}: ${cause.message}`;
  return new BrokerError(text, { code, kind, topic, partition, cause });
}

/** Fails what follows a write of unknown outcome on the same producer: it might overtake. */
function lost(cause: BrokerError): BrokerError {
  const text = 'an earlier write of this producer has an unknown outcome; open a new producer';
  return new BrokerError(text, { code: 'BROKER_UNREACHABLE', kind: 'retry', cause });
}
