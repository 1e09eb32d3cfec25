import type {
  Broker,
  BrokerError,
  OutgoingBatch,
  Producer,
  SealedRecords,
  SendResult,
} from '@converge/kafka';
import { delayMs } from '@converge/resilience';
import { failpoint } from '@converge/runtime';
import { instruments } from '@converge/telemetry';
import { eventIdOf } from './batch-headers.ts';
import type { Leadership } from './leadership.ts';
import type { PartitionQueue } from './partition-queue.ts';
import { decideFailedSend } from './send-decision.ts';
import { openSends } from './send-spans.ts';
import { SendTrouble } from './send-trouble.ts';

/** Bytes and records of one send over all partitions. */
const SEND_BYTES = 16 * 1024 * 1024;
const SEND_RECORDS = 10_000;
const BACKOFF = { baseMs: 50, factor: 2, capMs: 2_000 };
/** How long an ended leadership waits for a produce in flight. */
const LAST_WAIT_MS = 2_200;

interface Sending {
  readonly queue: PartitionQueue;
  readonly batch: OutgoingBatch & { readonly records: SealedRecords };
  readonly generation: number;
}

/** Sends what is queued: at most one produce per partition in flight, because there is one send at a time. */
export class SendLoop {
  readonly #leader: Leadership;
  readonly #broker: Broker;
  #producer: Producer | undefined;
  #lastSuccess = 0;
  /** Leaves a produce in flight to itself. */
  #giveUp: (() => void) | undefined;
  readonly #patience = new AbortController();
  readonly #trouble: SendTrouble;

  constructor(leader: Leadership) {
    this.#leader = leader;
    const isFailing = (): boolean =>
      [...leader.topics.values()].some(({ queues }) => queues.some(({ failures }) => failures > 0));
    this.#trouble = new SendTrouble(leader.settings.log, isFailing);
    this.#broker = leader.settings.broker;
    const { clock } = leader.settings;
    leader.ending.onEnd(() => {
      if (this.#giveUp === undefined) return;
      void clock.sleep(LAST_WAIT_MS, this.#patience.signal).then(() => this.#giveUp?.());
    });
  }

  async run(): Promise<void> {
    const { ending, margin, settings, work } = this.#leader;
    try {
      while (!ending.isOver()) {
        const now = settings.clock.monotonic();
        if (margin.maySendFor(now) === 0) {
          await work.wait(50);
          continue;
        }
        const sending = this.#choose(now);
        if (sending.length === 0) await work.wait(this.#pause(now));
        else await this.#send(sending);
      }
    } finally {
      await this.#renewProducer();
    }
  }

  /** The partitions that waited longest go first, and each goes behind the others again. */
  #choose(now: number): Sending[] {
    const { ready } = this.#leader;
    const sending: Sending[] = [];
    let bytes = 0;
    let count = 0;
    for (const queue of ready) {
      if (bytes >= SEND_BYTES || count >= SEND_RECORDS) break;
      if (queue.notBefore > now) continue;
      const records = queue.take();
      if (records === undefined) continue;
      sending.push({
        queue,
        batch: { topic: queue.topic, partition: queue.partition, records },
        generation: queue.generation,
      });
      bytes += records.bytes.length;
      count += records.length;
    }
    for (const { queue } of sending) {
      ready.delete(queue);
      ready.add(queue);
    }
    return sending;
  }

  #pause(now: number): number {
    let next = now + 1_000;
    for (const queue of this.#leader.ready) next = Math.min(next, queue.notBefore);
    return Math.max(1, next - now);
  }

  async #send(sending: readonly Sending[]): Promise<void> {
    const { clock } = this.#leader.settings;
    const began = clock.monotonic();
    failpoint('relay.before_send');
    const batches = sending.map(({ batch }) => batch);
    const spans = openSends(batches);
    const results = await this.#produce(batches);
    spans?.end(results);
    if (results === undefined) return;
    failpoint('relay.after_send');
    instruments().relayPublishDuration.recordMs(clock.monotonic() - began, this.#leader.label);
    let failed: { readonly sent: Sending; readonly error: BrokerError }[] = [];
    for (const [at, sent] of sending.entries()) {
      const result = results[at];
      if (result === undefined) continue;
      if (result.ok) this.#acknowledge(sent);
      else failed.push({ sent, error: result.error });
    }
    this.#leader.room.notify();
    failed = failed.filter(({ sent }) => sent.generation === sent.queue.generation);
    if (failed.length > 0) this.#fail(failed);
    if (results.some((result) => !result.ok)) await this.#renewProducer();
  }

  /** undefined: not sent, or the leadership ended and the answer did not come in time. Nothing is acknowledged then. */
  async #produce(batches: readonly OutgoingBatch[]): Promise<readonly SendResult[] | undefined> {
    try {
      this.#producer ??= await this.#broker.producer();
    } catch (error) {
      return batches.map(({ topic, partition }) => ({
        topic,
        partition,
        ok: false,
        error: error as BrokerError,
      }));
    }
    // Opening may have taken long: ask again. Nothing was sent.
    const { ending, margin, settings } = this.#leader;
    if (ending.isOver() || margin.maySendFor(settings.clock.monotonic()) === 0) return undefined;
    const { promise: givenUp, resolve } = Promise.withResolvers<undefined>();
    this.#giveUp = () => resolve(undefined);
    const results = await Promise.race([this.#producer.send(batches), givenUp]);
    this.#giveUp = undefined;
    if (this.#leader.ending.isOver()) this.#patience.abort();
    return results;
  }

  #acknowledge({ queue, generation }: Sending): void {
    const leader = this.#leader;
    // The topic was halted while this was in flight: it is in the log, and will be sent once more. Never lost.
    if (generation !== queue.generation) return;
    const { events: count, bytes } = queue.acknowledge();
    this.#trouble.written();
    leader.queuedBytes -= bytes;
    leader.queuedEvents -= count;
    leader.brokerTrouble = undefined;
    this.#lastSuccess = leader.settings.clock.monotonic();
    if (queue.size === 0) leader.ready.delete(queue);
    leader.dirty.add(queue);
    leader.unsettled += count;
    leader.totals.published += count;
    instruments().relayPublished.add(count, { ...leader.label, topic: queue.topic });
    instruments().relayBatchSize.record(count, leader.label);
    if (leader.unsettled >= leader.settings.settleEvents) leader.acked.notify();
  }

  #fail(failed: readonly { readonly sent: Sending; readonly error: BrokerError }[]): void {
    const leader = this.#leader;
    const { clock, random } = leader.settings;
    const now = clock.monotonic();
    this.#trouble.failed(failed.map(({ sent, error }) => ({ topic: sent.queue.topic, error })));
    for (const { sent, error } of failed) {
      const { queue, batch } = sent;
      const topic = leader.topics.get(queue.topic);
      if (topic === undefined || topic.state.kind === 'halted') continue;
      if (queue.failures === 0) queue.failingSince = now;
      queue.failures += 1;
      instruments().relaySendFailures.add(1, { ...leader.label, topic: queue.topic });
      const decision = decideFailedSend({
        error,
        records: batch.records.length,
        failingForMs: now - queue.failingSince,
        othersFlow: this.#lastSuccess > queue.failingSince,
        holdsBack: leader.full,
      });
      switch (decision.kind) {
        case 'retry':
          if (error.kind !== 'new_producer') leader.brokerTrouble = error.message;
          queue.notBefore = now + delayMs(BACKOFF, queue.failures, random);
          break;
        case 'smaller':
          leader.queuedBytes += queue.split(decision.records);
          break;
        case 'halt': {
          leader.halt(topic, { code: decision.code, detail: `${error.message}${whereOf(sent)}` });
          break;
        }
      }
    }
  }

  /** After any failed send the producer's state is not to be trusted: the next send opens a new one. */
  async #renewProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.close().catch(() => undefined);
  }
}

/** Names the event that was refused, or the first of those that were: for people, who look it up in the outbox. */
function whereOf({ queue, batch: { records } }: Sending): string {
  const first = queue.first();
  if (first === undefined) return '';
  const event = eventIdOf(records.bytes);
  const which = records.length === 1 ? 'refused' : 'first event not written';
  return ` (${which}: event ${event ?? 'unknown'}, id ${first.id}, tick ${first.tick}, partition ${queue.partition})`;
}
