import type { Broker, BrokerError, OutgoingBatch, Producer, SendResult } from '@convergekit/broker/engine';
import { delayMs, failpoint } from '@convergekit/core';
import { instruments } from '@convergekit/telemetry';
import { eventIdOf, openSends } from './send-spans.ts';
import type { Leadership } from '../leader/leadership.ts';
import { decideFailedSend } from './send-decision.ts';
import { type Send, type Sending, SendsInFlight } from './sends-in-flight.ts';
import { SendTrouble } from '../watch/failure-log.ts';

const BACKOFF = { baseMs: 50, factor: 2, capMs: 2_000 };
/** How long an ended leadership waits for a produce in flight. */
const LAST_WAIT_MS = 2_200;
/** Sends what is queued, and acts on what the broker says of each partition. */
export class SendLoop {
  readonly #leader: Leadership;
  readonly #producers: ProducerPool;
  readonly #inFlight = new SendsInFlight();
  #lastSuccess = -Infinity;
  /** When a partition that had failed was last written again. */
  #recoveredAt = -Infinity;
  /** Leaves the sends in flight to themselves. */
  readonly #givenUp = Promise.withResolvers<undefined>();
  readonly #patience = new AbortController();
  readonly #trouble: SendTrouble;

  constructor(leader: Leadership) {
    this.#leader = leader;
    const isFailing = (): boolean =>
      [...leader.topics.values()].some(({ queues }) => queues.some(({ failures }) => failures > 0));
    this.#trouble = new SendTrouble(leader.settings.log, isFailing);
    this.#producers = new ProducerPool(leader.settings.broker);
    const { clock } = leader.settings;
    leader.ending.onEnd(() => {
      if (this.#inFlight.isEmpty) return;
      void clock.sleep(LAST_WAIT_MS, this.#patience.signal).then(() => this.#givenUp.resolve(undefined));
    });
  }

  async run(): Promise<void> {
    const { ending, margin, settings, work, ready } = this.#leader;
    try {
      while (!ending.isOver()) {
        const now = settings.clock.monotonic();
        if (margin.maySendFor(now) === 0) {
          await work.wait(50);
          continue;
        }
        const send = this.#inFlight.choose(ready, now);
        if (send === undefined) await work.wait(this.#inFlight.pauseMs(ready, now));
        else this.#begin(send);
      }
    } finally {
      await this.#inFlight.ended();
      this.#patience.abort();
      await this.#producers.close();
    }
  }

  #begin(send: Send): void {
    const { ending, work } = this.#leader;
    const sending = this.#send(send).catch((error: unknown) => ending.end({ kind: 'failed', error }));
    this.#inFlight.begin(send, sending, () => work.notify());
  }

  async #send({ parts, beganAt }: Send): Promise<void> {
    const { clock } = this.#leader.settings;
    failpoint('relay.before_send');
    const batches = parts.map(({ batch }) => batch);
    const spans = openSends(batches);
    const results = await this.#produce(batches);
    spans?.end(results);
    if (results === undefined) return;
    failpoint('relay.after_send');
    instruments().relayPublishDuration.recordMs(clock.monotonic() - beganAt, this.#leader.label);
    let failed: { readonly sent: Sending; readonly error: BrokerError }[] = [];
    for (const [at, sent] of parts.entries()) {
      const result = results[at];
      if (result === undefined) continue;
      if (result.ok) this.#acknowledge(sent);
      else failed.push({ sent, error: result.error });
    }
    this.#leader.room.notify();
    failed = failed.filter(({ sent }) => sent.generation === sent.queue.generation);
    if (failed.length > 0) this.#fail(failed, beganAt);
  }

  /** undefined: not sent, or the leadership ended and the answer did not come in time. Nothing is acknowledged then. */
  async #produce(batches: readonly OutgoingBatch[]): Promise<readonly SendResult[] | undefined> {
    let producer;
    try {
      producer = await this.#producers.take();
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
    if (ending.isOver() || margin.maySendFor(settings.clock.monotonic()) === 0) {
      this.#producers.give(producer);
      return undefined;
    }
    const results = await Promise.race([producer.send(batches), this.#givenUp.promise]);
    if (results?.every(({ ok }) => ok) === true) this.#producers.give(producer);
    else await this.#producers.discard(producer);
    return results;
  }

  #acknowledge({ queue, generation }: Sending): void {
    const leader = this.#leader;
    // The topic was halted while this was in flight: it is in the log, and will be sent once more. Never lost.
    if (generation !== queue.generation) return;
    const now = leader.settings.clock.monotonic();
    if (queue.failures > 0) this.#recoveredAt = now;
    const { events: count, bytes } = queue.acknowledge();
    this.#trouble.written();
    leader.queuedBytes -= bytes;
    leader.queuedEvents -= count;
    leader.brokerTrouble = undefined;
    this.#lastSuccess = now;
    if (queue.size === 0) leader.ready.delete(queue);
    leader.dirty.add(queue);
    leader.unsettled += count;
    leader.totals.published += count;
    instruments().relayPublished.add(count, { ...leader.label, topic: queue.topic });
    instruments().relayBatchSize.record(count, leader.label);
    if (leader.unsettled >= leader.settings.settleEvents) leader.acked.notify();
  }

  #fail(failed: readonly { readonly sent: Sending; readonly error: BrokerError }[], beganAt: number): void {
    const leader = this.#leader;
    const { clock, random } = leader.settings;
    const now = clock.monotonic();
    this.#trouble.failed(failed.map(({ sent, error }) => ({ topic: sent.queue.topic, error })));
    for (const { sent, error } of failed) {
      const { queue, batch } = sent;
      const topic = leader.topics.get(queue.topic);
      if (topic === undefined || topic.state.kind === 'halted') continue;
      if (queue.failures === 0) queue.failingSince = beganAt;
      queue.failures += 1;
      queue.failedWith = error.code;
      instruments().relaySendFailures.add(1, { ...leader.label, topic: queue.topic });
      const decision = decideFailedSend({
        error,
        records: batch.records.length,
        failingForMs: now - queue.failingSince,
        othersFlow: this.#lastSuccess > queue.failingSince,
        othersFlowForMs: this.#lastSuccess - Math.max(queue.failingSince, this.#recoveredAt),
        holdsBack: leader.full,
        probing: queue.probing,
      });
      switch (decision.kind) {
        case 'retry':
          if (error.kind !== 'new_producer') leader.brokerTrouble = error.message;
          queue.notBefore = now + delayMs(BACKOFF, queue.failures, random);
          break;
        case 'smaller':
          leader.queuedBytes += queue.split(decision.records);
          break;
        case 'halt':
          leader.halt(topic, { code: decision.code, detail: `${error.message}${whereOf(sent)}` });
          break;
        case 'set_apart':
          leader.setApart(topic, queue, { code: decision.code, detail: error.message });
          break;
      }
    }
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
