import { BrokerError, type OutgoingBatch, type Producer, type SendResult, partitionId } from '../broker.ts';
import { encodeRecordBatch } from '../record-batch-encoder.ts';
import { earlierFailed, placed, producerClosed } from '../send-errors.ts';
import type { BrokerLink } from './broker-link.ts';
import type { Cluster } from './cluster.ts';
import { OK, UNKNOWN_TOPIC } from './error-codes.ts';
import { brokerErrorFrom, protocolError } from './errors.ts';
import { type EncodedBatch, produceRequest, produceResponse, type ProduceAnswer } from './produce-request.ts';

export interface ProducerOptions {
  readonly requestTimeoutMs: number;
  /** Batches go together into one request up to this size. */
  readonly maxRequestBytes: number;
}

interface Numbered {
  readonly index: number;
  readonly batch: OutgoingBatch;
}

/** Collects the results of one send; the first failure of a partition also fails what comes after it there. */
class Outcome {
  readonly results: SendResult[] = [];
  readonly #failed = new Set<string>();

  written({ index, batch: { topic, partition } }: Numbered, baseOffset: bigint): void {
    this.results[index] = { topic, partition, ok: true, baseOffset };
  }

  failed({ index, batch: { topic, partition } }: Numbered, error: BrokerError): void {
    this.#failed.add(partitionId(topic, partition));
    this.results[index] = { topic, partition, ok: false, error };
  }

  hasFailed({ batch: { topic, partition } }: Numbered): boolean {
    return this.#failed.has(partitionId(topic, partition));
  }
}

/** One request in flight for each broker, its batches grouped; nothing is repeated here. */
export class KafkaJsProducer implements Producer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  send(batches: readonly OutgoingBatch[]): Promise<readonly SendResult[]> {
    const sending = this.#last.then(() => this.#send(batches));
    this.#last = sending;
    return sending;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#cluster.close();
    return this.#last.then(() => undefined);
  }

  async #send(batches: readonly OutgoingBatch[]): Promise<readonly SendResult[]> {
    const outcome = new Outcome();
    const byLink = new Map<BrokerLink, Numbered[]>();
    const missing = new Map<string, BrokerError>();
    await this.#lookUp(batches, missing);
    for (const [index, batch] of batches.entries()) {
      const numbered = { index, batch };
      try {
        const unknown = missing.get(batch.topic);
        if (this.#closed) throw producerClosed(batch);
        if (unknown !== undefined) throw placed(unknown, batch);
        const link = await this.#cluster.leader(batch);
        byLink.set(link, [...(byLink.get(link) ?? []), numbered]);
      } catch (error) {
        outcome.failed(
          numbered,
          brokerErrorFrom(error, {
            doing: `writing to ${batch.topic}/${batch.partition}`,
            ...placeOf(batch),
          }),
        );
      }
    }
    await Promise.all([...byLink].map(([link, queue]) => this.#sendTo(link, queue, outcome)));
    return outcome.results;
  }

  /** All topics that are not known yet in one request. */
  async #lookUp(batches: readonly OutgoingBatch[], missing: Map<string, BrokerError>): Promise<void> {
    const unknown = new Set(
      batches.filter((batch) => this.#cluster.leaderOf(batch) === undefined).map(({ topic }) => topic),
    );
    await Promise.all(
      [...unknown].map(async (topic) => {
        try {
          await this.#cluster.topic(topic);
        } catch (error) {
          missing.set(topic, brokerErrorFrom(error, { doing: `looking up topic ${topic}`, topic }));
        }
      }),
    );
  }

  /** Requests to one broker, one after the other; a second batch of a partition waits for the next request. */
  async #sendTo(link: BrokerLink, queue: readonly Numbered[], outcome: Outcome): Promise<void> {
    let rest = queue;
    while (rest.length > 0) {
      const request = new Map<string, Numbered & EncodedBatch>();
      const later: Numbered[] = [];
      let bytes = 0;
      for (const numbered of rest) {
        const id = partitionId(numbered.batch.topic, numbered.batch.partition);
        if (outcome.hasFailed(numbered)) {
          outcome.failed(numbered, earlierFailed(numbered.batch));
        } else if (later.length > 0 || request.has(id)) {
          later.push(numbered);
        } else {
          const encoded = encodeRecordBatch(numbered.batch.records);
          if (request.size > 0 && bytes + encoded.length > this.#options.maxRequestBytes)
            later.push(numbered);
          else request.set(id, { ...numbered, bytes: encoded });
          bytes += encoded.length;
        }
      }
      rest = later;
      if (request.size > 0) await this.#exchange(link, request, outcome);
    }
  }

  async #exchange(
    link: BrokerLink,
    request: ReadonlyMap<string, Numbered & EncodedBatch>,
    outcome: Outcome,
  ): Promise<void> {
    try {
      const payload = await link.send(produceRequest([...request.values()], this.#options.requestTimeoutMs));
      const answers = new Map(
        produceResponse(payload).map((answer) => [partitionId(answer.topic, answer.partition), answer]),
      );
      for (const [id, sent] of request) await this.#settle(sent, answers.get(id), outcome);
    } catch (error) {
      const failure = brokerErrorFrom(error, { doing: 'Produce request' });
      for (const sent of request.values()) {
        this.#cluster.forget(sent.batch);
        outcome.failed(sent, placed(failure, sent.batch));
      }
    }
  }

  async #settle(sent: Numbered, answer: ProduceAnswer | undefined, outcome: Outcome): Promise<void> {
    const { batch } = sent;
    if (answer?.errorCode === OK) {
      outcome.written(sent, answer.baseOffset);
      return;
    }
    this.#cluster.forget(batch);
    const doing = `writing to ${batch.topic}/${batch.partition}`;
    let code = answer?.errorCode ?? -1;
    // A fresh topic is in the metadata before its leader knows of it: that heals, a missing topic does not.
    if (code === UNKNOWN_TOPIC && (await this.#exists(batch.topic))) code = 5;
    outcome.failed(sent, protocolError(code, { doing, ...placeOf(batch) }));
  }

  async #exists(topic: string): Promise<boolean> {
    return this.#cluster.topic(topic).then(
      () => true,
      (error: unknown) => !(error instanceof BrokerError && error.code === 'TOPIC_UNKNOWN'),
    );
  }
}

function placeOf({ topic, partition }: OutgoingBatch): { topic: string; partition: number } {
  return { topic, partition };
}
