import {
  BrokerError,
  encodeRecordBatch,
  leaderMissing,
  type NumberedBatch,
  type OutgoingBatch,
  partitionId,
  type Producer,
  producerClosed,
  SendOutcome,
  type SendResult,
} from '@convergekit/broker/engine';
import type { BrokerLink } from './broker-link.ts';
import type { Cluster } from './cluster.ts';
import { LEADER_NOT_AVAILABLE, OK, UNKNOWN_TOPIC } from './error-codes.ts';
import { brokerErrorFrom, protocolError } from './errors.ts';
import type { TopicPartition } from './exchange.ts';
import { type EncodedBatch, type ProduceAnswer, produceRequest } from './produce-request.ts';

/** Batches of one broker go together into one request up to this size, bytes. */
const REQUEST_BYTES = 16_777_216;

type Sealed = NumberedBatch & EncodedBatch;

/** Sends batches grouped by broker, one request in flight per broker. It does not retry. */
export class WireProducer implements Producer {
  readonly #cluster: Cluster;
  readonly #requestTimeoutMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(cluster: Cluster, requestTimeoutMs: number) {
    this.#cluster = cluster;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  send(
    batches: readonly OutgoingBatch[],
    timeoutMs = this.#requestTimeoutMs,
  ): Promise<readonly SendResult[]> {
    const sending = this.#last.then(() => this.#send(batches, timeoutMs));
    this.#last = sending;
    return sending;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cluster.close();
    await this.#last;
  }

  async #send(batches: readonly OutgoingBatch[], timeoutMs: number): Promise<readonly SendResult[]> {
    const outcome = new SendOutcome();
    const failures = await this.#lookUp(batches);
    const byLeader = new Map<number, NumberedBatch[]>();
    for (const [index, batch] of batches.entries()) {
      const leader = this.#cluster.leaderOf(batch);
      if (this.#closed) outcome.failed({ index, batch }, producerClosed(batch));
      else if (leader === undefined)
        outcome.failed({ index, batch }, failures.get(batch.topic) ?? leaderMissing(batch));
      else {
        const queue = byLeader.get(leader) ?? [];
        byLeader.set(leader, queue);
        queue.push({ index, batch });
      }
    }
    await Promise.all(
      [...byLeader].map(([leader, queue]) => this.#sendTo(leader, queue, outcome, timeoutMs)),
    );
    return outcome.results;
  }

  /** Looks up topics whose leaders are unknown; returns the failures by topic. */
  async #lookUp(batches: readonly OutgoingBatch[]): Promise<ReadonlyMap<string, BrokerError>> {
    const failures = new Map<string, BrokerError>();
    if (this.#closed) return failures;
    const unknown = new Set(
      batches.filter((batch) => this.#cluster.leaderOf(batch) === undefined).map(({ topic }) => topic),
    );
    for (const topic of unknown)
      try {
        await this.#cluster.topic(topic);
      } catch (error) {
        const failure = brokerErrorFrom(error, { doing: `looking up topic ${topic}`, topic });
        failures.set(topic, failure);
        // No broker answers: to ask for the other topics would only wait as long again.
        if (failure.code === 'BROKER_UNREACHABLE') for (const other of unknown) failures.set(other, failure);
        if (failure.code === 'BROKER_UNREACHABLE') break;
      }
    return failures;
  }

  /** Sends requests to one broker in sequence; a partition's second batch waits for the next request. */
  async #sendTo(
    leader: number,
    queue: readonly NumberedBatch[],
    outcome: SendOutcome,
    timeoutMs: number,
  ): Promise<void> {
    let link: BrokerLink;
    try {
      link = await this.#cluster.node(leader);
    } catch (error) {
      this.#failAll(queue, error, outcome);
      return;
    }
    for (let rest = queue; rest.length > 0;) {
      // A new connection would let the rest overtake what was lost with the old one.
      if (!link.usable) {
        this.#failAll(rest, link.lostError(), outcome);
        return;
      }
      const { request, later } = this.#nextRequest(rest, outcome);
      if (request.size > 0) await this.#exchange(link, request, outcome, timeoutMs);
      rest = later;
    }
  }

  #nextRequest(
    queue: readonly NumberedBatch[],
    outcome: SendOutcome,
  ): { request: ReadonlyMap<string, Sealed>; later: readonly NumberedBatch[] } {
    const request = new Map<string, Sealed>();
    const later: NumberedBatch[] = [];
    let size = 0;
    for (const numbered of queue) {
      const { batch } = numbered;
      const id = partitionId(batch.topic, batch.partition);
      if (outcome.passesOver(numbered)) continue;
      if (later.length > 0 || request.has(id)) {
        later.push(numbered);
        continue;
      }
      try {
        const bytes = 'bytes' in batch.records ? batch.records.bytes : encodeRecordBatch(batch.records);
        size += bytes.length;
        if (request.size > 0 && size > REQUEST_BYTES) later.push(numbered);
        else request.set(id, { ...numbered, bytes });
      } catch (error) {
        outcome.failed(numbered, brokerErrorFrom(error, { doing: `encoding a batch for ${id}` }));
      }
    }
    return { request, later };
  }

  async #exchange(
    link: BrokerLink,
    request: ReadonlyMap<string, Sealed>,
    outcome: SendOutcome,
    timeoutMs: number,
  ): Promise<void> {
    let answers: readonly TopicPartition<ProduceAnswer>[];
    try {
      const exchange = produceRequest([...request.values()], timeoutMs);
      answers = await link.call(`Produce request to ${link.address}`, exchange);
    } catch (error) {
      this.#failAll([...request.values()], error, outcome);
      return;
    }
    const byPartition = new Map(
      answers.map(({ topic, partition, value }) => [partitionId(topic, partition), value]),
    );
    for (const [id, sent] of request) await this.#recordAnswer(sent, byPartition.get(id), outcome);
  }

  async #recordAnswer(
    sent: NumberedBatch,
    answer: ProduceAnswer | undefined,
    outcome: SendOutcome,
  ): Promise<void> {
    if (answer?.errorCode === OK) {
      outcome.written(sent, answer.baseOffset);
      return;
    }
    const { topic, partition } = sent.batch;
    this.#cluster.forget(sent.batch);
    // An answer without the partition leaves the outcome unknown.
    let code = answer?.errorCode ?? -1;
    // A new topic is in the metadata before its leader knows it: the error is then transient, unlike for a missing
    // topic.
    if (code === UNKNOWN_TOPIC && (await this.#exists(topic))) code = LEADER_NOT_AVAILABLE;
    outcome.failed(
      sent,
      protocolError(code, {
        doing: `writing to ${topic}/${partition}`,
        topic,
        partition,
        right: { operation: 'Write', on: 'topic', name: topic },
      }),
    );
  }

  #failAll(queue: readonly NumberedBatch[], error: unknown, outcome: SendOutcome): void {
    const failure = brokerErrorFrom(error, { doing: 'sending' });
    for (const numbered of queue) {
      this.#cluster.forget(numbered.batch);
      outcome.failed(numbered, failure);
    }
  }

  async #exists(topic: string): Promise<boolean> {
    return this.#cluster.topic(topic).then(
      () => true,
      (error: unknown) => !(error instanceof BrokerError && error.code === 'TOPIC_UNKNOWN'),
    );
  }
}
