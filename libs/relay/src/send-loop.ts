import type { BrokerError, OutgoingBatch, SealedRecords, SendResult } from '@converge/kafka';
import { delayMs } from '@converge/resilience';
import { failpoint } from '@converge/runtime';
import { instruments } from '@converge/telemetry';
import { eventIdOf } from './batch-headers.ts';
import type { Leadership } from './leadership.ts';
import type { PartitionQueue } from './partition-queue.ts';
import { ProducerPool } from './producer-pool.ts';
import { decideFailedSend } from './send-decision.ts';
import { openSends } from './send-spans.ts';
import { SendTrouble } from './send-trouble.ts';

/** Bytes and records of one send over all partitions. */
const SEND_BYTES = 16 * 1024 * 1024;
const SEND_RECORDS = 10_000;
const BACKOFF = { baseMs: 50, factor: 2, capMs: 2_000 };
/** How long an ended leadership waits for a produce in flight. */
const LAST_WAIT_MS = 2_200;
/** A send that takes so long is left to itself: the partitions that are not in it go with another one, milliseconds. */
const SLOW_MS = 250;
/** Sends in flight at most, of sound partitions and of failing ones each. */
const SENDS = 4;

interface Sending {
  readonly queue: PartitionQueue;
  readonly batch: OutgoingBatch & { readonly records: SealedRecords };
  readonly generation: number;
}

interface Send {
  /** How its partitions failed last; undefined: they are sound. */
  readonly failedWith: string | undefined;
  readonly beganAt: number;
  readonly parts: readonly Sending[];
}

/**
 * Sends what is queued: at most one produce per partition in flight. Partitions that fail are sent apart from those that
 * are sound, and from those that fail in another way, and a slow send holds back no partition that is not in it: a
 * broker that does not answer costs its own partitions only. The others go in one send at a time, in large batches.
 */
export class SendLoop {
  readonly #leader: Leadership;
  readonly #producers: ProducerPool;
  readonly #inFlight = new Map<Send, Promise<void>>();
  readonly #busy = new Set<PartitionQueue>();
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
      if (this.#inFlight.size === 0) return;
      void clock.sleep(LAST_WAIT_MS, this.#patience.signal).then(() => this.#givenUp.resolve(undefined));
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
        const send = this.#choose(now);
        if (send === undefined) await work.wait(this.#pause(now));
        else this.#begin(send);
      }
    } finally {
      await Promise.all(this.#inFlight.values());
      this.#patience.abort();
      await this.#producers.close();
    }
  }

  /** The partitions that waited longest go first, and each goes behind the others again. */
  #choose(now: number): Send | undefined {
    const { ready } = this.#leader;
    let group: { readonly failedWith: string | undefined } | undefined;
    const closed = new Map<string | undefined, boolean>();
    const parts: Sending[] = [];
    let bytes = 0;
    let count = 0;
    for (const queue of ready) {
      if (bytes >= SEND_BYTES || count >= SEND_RECORDS) break;
      if (queue.notBefore > now || this.#busy.has(queue)) continue;
      const { failedWith } = queue;
      if (group !== undefined && group.failedWith !== failedWith) continue;
      if (!closed.has(failedWith)) closed.set(failedWith, !this.#mayBegin(failedWith, now));
      if (closed.get(failedWith) === true) continue;
      const records = queue.take();
      if (records === undefined) continue;
      group ??= { failedWith };
      const { topic, partition, generation } = queue;
      parts.push({ queue, batch: { topic, partition, records }, generation });
      bytes += records.bytes.length;
      count += records.length;
    }
    for (const { queue } of parts) {
      ready.delete(queue);
      ready.add(queue);
    }
    return group === undefined ? undefined : { ...group, beganAt: now, parts };
  }

  /** Whether another send of this group may begin beside those in flight. */
  #mayBegin(failedWith: string | undefined, now: number): boolean {
    let sends = 0;
    for (const send of this.#inFlight.keys()) {
      if (send.failedWith === failedWith && now - send.beganAt < SLOW_MS) return false;
      if ((send.failedWith === undefined) === (failedWith === undefined)) sends += 1;
    }
    return sends < SENDS;
  }

  #pause(now: number): number {
    let next = now + 1_000;
    for (const { beganAt } of this.#inFlight.keys())
      if (beganAt + SLOW_MS > now) next = Math.min(next, beganAt + SLOW_MS);
    for (const { notBefore } of this.#leader.ready) if (notBefore > now) next = Math.min(next, notBefore);
    return Math.max(1, next - now);
  }

  #begin(send: Send): void {
    const { ending, work } = this.#leader;
    for (const { queue } of send.parts) this.#busy.add(queue);
    const sending = this.#send(send)
      .catch((error: unknown) => ending.end({ kind: 'failed', error }))
      .finally(() => {
        this.#inFlight.delete(send);
        for (const { queue } of send.parts) this.#busy.delete(queue);
        work.notify();
      });
    this.#inFlight.set(send, sending);
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
