import { delayMs, failpoint, type NextRun, poll } from '@convergekit/core/engine';
import {
  type BrokerError,
  type OutgoingBatch,
  type Producer,
  type SendResult,
  stampedFrom,
} from '@convergekit/broker/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Halt } from '../backlog/flow-state.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import { unknownText } from '../topics/recreated.ts';
import { SendFailureLog } from '../watch/failure-log.ts';
import { decideFailedSend } from './send-decision.ts';
import { SendLimits } from './send-limits.ts';
import { eventIdOf, openSends } from './send-spans.ts';
import { type Send, type Sending, SendsInFlight } from './sends-in-flight.ts';

const BACKOFF = { baseMs: 50, factor: 2, capMs: 2_000 };
/** The time that an ended leadership waits for a produce in flight, in milliseconds. */
const LAST_WAIT_MS = 2_200;
/**
 * The age of a record's timestamp at most, in milliseconds. A topic's retention counts from it: with the time of its emit,
 * an event that waited for longer (a halted topic, an outage) would leave the log before consumers read it. `ce_time` keeps
 * that time. Brokers refuse what is an hour ahead of them, so a host's clock may still be wrong by an hour.
 */
const OLDEST_STAMP_MS = 600_000;
/** The period of checks while the lease does not allow sending, in milliseconds. */
const MARGIN_MS = 50;

/** Sends what is queued, and acts on what the broker answers for each partition. */
export class SendLoop {
  readonly #leader: Leadership;
  /** The producers that are free, one for each send in flight: sends of one producer wait for each other. */
  readonly #producers: Producer[] = [];
  readonly #inFlight = new SendsInFlight();
  readonly #limits: SendLimits<PartitionQueue>;
  #lastSuccess = -Infinity;
  /** The time when a failed partition was last written again. */
  #recoveredAt = -Infinity;
  /** Leaves the sends in flight to themselves. */
  readonly #givenUp = Promise.withResolvers<undefined>();
  readonly #patience = new AbortController();
  readonly #failures: SendFailureLog;

  constructor(leader: Leadership) {
    this.#leader = leader;
    const { clock, log, stopBeforeMs } = leader.settings;
    this.#limits = new SendLimits(stopBeforeMs);
    this.#failures = new SendFailureLog(log, () => leader.backlog.isFailing);
    leader.ending.onEnd(() => {
      if (this.#inFlight.isEmpty) return;
      void clock.sleep(LAST_WAIT_MS, this.#patience.signal).then(() => this.#givenUp.resolve(undefined));
    });
  }

  async run(): Promise<void> {
    const { ending, settings, work: wake } = this.#leader;
    const { clock, random } = settings;
    const { signal, failed: onError } = ending;
    try {
      // The poll runs when there is work; the period is the longest pause.
      const run = (): Promise<NextRun> => Promise.resolve(this.#next());
      await poll({ everyMs: 1_000, signal, onError, wake, clock, random, run });
    } finally {
      await this.#inFlight.ended();
      this.#patience.abort();
      await Promise.all(this.#producers.map(discard));
    }
  }

  /** Begins one send where there is something to send. */
  #next(): NextRun {
    const { backlog, ending, margin, settings, work } = this.#leader;
    const now = settings.clock.monotonic();
    if (margin.maySendFor(now) === 0) return { afterMs: MARGIN_MS };
    const send = this.#inFlight.choose(backlog.ready, now);
    if (send === undefined) return { afterMs: this.#inFlight.pauseMs(backlog.ready, now) };
    backlog.rotate(send.parts.map(({ queue }) => queue));
    this.#inFlight.begin(send, this.#send(send).catch(ending.failed), () => work.notify());
    return { afterMs: 0 };
  }

  async #send({ parts, beganAt }: Send): Promise<void> {
    const { settings, time } = this.#leader;
    const { clock } = settings;
    failpoint('relay.before_send');
    const earliestMs = time.now() - OLDEST_STAMP_MS;
    const batches = parts.map(({ batch }) => ({
      ...batch,
      records: stampedFrom(batch.records, earliestMs),
    }));
    const spans = openSends(batches);
    const limitMs = this.#limits.of(parts.map(({ queue }) => queue));
    const results = await this.#produce(batches, limitMs);
    spans?.end(results);
    if (results === undefined) return;
    failpoint('relay.after_send');
    const tookMs = clock.monotonic() - beganAt;
    instruments().relayPublishDuration.recordMs(tookMs, this.#leader.label);
    const wasFull = this.#leader.backlog.isFull;
    let failed: { readonly sent: Sending; readonly error: BrokerError }[] = [];
    for (const [at, sent] of parts.entries()) {
      const result = results[at];
      if (result === undefined) continue;
      if (result.ok) this.#limits.answered(sent.queue, tookMs);
      else if (result.error.code === 'TIMEOUT') this.#limits.timedOut(sent.queue, limitMs);
      if (result.ok) this.#acknowledge(sent);
      else failed.push({ sent, error: result.error });
    }
    // A reader that does not wait for room polls at its own pace.
    if (wasFull) this.#leader.room.notify();
    failed = failed.filter(({ sent }) => sent.generation === sent.queue.generation);
    if (failed.length > 0) this.#fail(failed, beganAt);
  }

  /** undefined: not sent, or the leadership ended and the answer did not come in time. Nothing is acknowledged then. */
  async #produce(
    batches: readonly OutgoingBatch[],
    limitMs: number,
  ): Promise<readonly SendResult[] | undefined> {
    const { ending, margin, settings } = this.#leader;
    let producer: Producer;
    try {
      producer = this.#producers.pop() ?? (await settings.broker.producer());
    } catch (error) {
      return batches.map((batch) => ({ ...batch, ok: false, error: error as BrokerError }));
    }
    // Opening may have taken long: ask again. Nothing was sent.
    if (ending.isOver() || margin.maySendFor(settings.clock.monotonic()) === 0) {
      this.#producers.push(producer);
      return undefined;
    }
    const results = await Promise.race([producer.send(batches, limitMs), this.#givenUp.promise]);
    if (results?.every(({ ok }) => ok) === true) this.#producers.push(producer);
    else await discard(producer);
    return results;
  }

  #acknowledge({ queue, generation }: Sending): void {
    const leader = this.#leader;
    const wasFailing = queue.health.kind === 'failing';
    const written = leader.backlog.acknowledge(queue, generation);
    if (written === undefined) return;
    const now = leader.settings.clock.monotonic();
    if (wasFailing) this.#recoveredAt = now;
    this.#failures.written();
    leader.brokerTrouble = undefined;
    this.#lastSuccess = now;
    leader.totals.published += written.events;
    leader.totals.counter.done(queue.topic, written.events);
    instruments().relayPublished.add(written.events, {
      ...leader.label,
      [attributeNames.topic]: queue.topic,
    });
    instruments().relayBatchSize.record(written.events, leader.label);
    leader.unsaved.notify();
    if (leader.backlog.unsaved.events >= leader.settings.saveEvents) leader.acked.notify();
  }

  #fail(failed: readonly { readonly sent: Sending; readonly error: BrokerError }[], beganAt: number): void {
    const leader = this.#leader;
    const { backlog } = leader;
    const { clock, random } = leader.settings;
    const now = clock.monotonic();
    this.#failures.failed(failed.map(({ sent, error }) => ({ topic: sent.queue.topic, error })));
    for (const { sent, error } of failed) {
      const { queue, batch } = sent;
      const topic = backlog.topic(queue.topic);
      if (topic === undefined || topic.state.kind === 'halted') continue;
      const { since, failures, isProbe } = queue.fail(error.code, beganAt);
      leader.totals.counter.add('failed');
      instruments().relaySendFailures.add(1, { ...leader.label, [attributeNames.topic]: queue.topic });
      const decision = decideFailedSend({
        error,
        records: batch.records.length,
        failingForMs: now - since,
        othersFlow: this.#lastSuccess > since,
        othersFlowForMs: this.#lastSuccess - Math.max(since, this.#recoveredAt),
        holdsBack: backlog.isFull,
        isProbe,
      });
      switch (decision.kind) {
        case 'retry':
          if (error.kind !== 'new_producer') leader.brokerTrouble = error.message;
          queue.postpone(now + delayMs(BACKOFF, failures, random));
          break;
        case 'smaller':
          backlog.split(queue, decision.records);
          break;
        case 'halt_topic':
          backlog.halt(topic, { code: decision.code, detail: `${textOf(topic, error)}${whereOf(sent)}` });
          break;
        case 'halt_partition':
          backlog.haltPartition(topic, queue, stuckAt(queue.partition, decision.code, error.message));
          break;
        case 'halt_at_record':
          backlog.haltPartition(topic, queue, {
            code: decision.code,
            detail: `${error.message}${whereOf(sent)}`,
          });
          break;
      }
    }
  }
}

/** The broker does not know with how many partitions a missing topic has to be made. */
function textOf({ name, partitions }: Topic, { code, message }: BrokerError): string {
  return code === 'TOPIC_UNKNOWN' ? unknownText(name, partitions) : message;
}

function stuckAt(partition: number, code: string, text: string): Halt {
  const detail = `partition ${partition} takes nothing while others are written. ${code}: ${text}`;
  return { code: 'PARTITION_STUCK', detail };
}

/** Names the refused event, or the first of several, for an operator who looks it up in the outbox. */
function whereOf({ queue, batch: { records } }: Sending): string {
  const { first } = queue;
  if (first === undefined) return '';
  const event = eventIdOf(records.bytes);
  const which = records.length === 1 ? 'refused' : 'first event not written';
  return ` (${which}: event ${event ?? 'unknown'}, id ${first.id}, tick ${first.tick}, partition ${queue.partition})`;
}

/** Closes a producer at an end, or after a failed send: its state is unreliable, and other sends are not concerned. */
async function discard(producer: Producer): Promise<void> {
  await producer.close().catch(() => undefined);
}
