import type { OutgoingBatch, SealedRecords } from '@convergekit/broker/engine';
import type { PartitionQueue } from '../backlog/partition-queue.ts';

/** Bytes and records of one send over all partitions. */
const SEND_BYTES = 16 * 1024 * 1024;
const SEND_RECORDS = 10_000;
/** The time after which a send counts as slow, in milliseconds: partitions outside it use another send. */
const SLOW_MS = 250;
/** Sends in flight at most, of sound partitions and of failing ones each. */
const SENDS = 4;

export interface Sending {
  readonly queue: PartitionQueue;
  readonly batch: OutgoingBatch & { readonly records: SealedRecords };
  readonly generation: number;
}

export interface Send {
  /** The code of the last failure of its partitions; undefined when they are sound. */
  readonly failedWith: string | undefined;
  readonly beganAt: number;
  readonly parts: readonly Sending[];
}

/**
 * Chooses what is sent next, beside what is in flight: at most one produce per partition. Partitions that fail are sent
 * apart from those that are sound, and from those that fail in another way, and a slow send holds back no partition
 * that is not in it: a broker that does not answer costs its own partitions only. All else goes in one send at a time,
 * in large batches.
 */
export class SendsInFlight {
  readonly #sends = new Map<Send, Promise<void>>();
  readonly #busy = new Set<PartitionQueue>();

  get isEmpty(): boolean {
    return this.#sends.size === 0;
  }

  /** Begins a send; `sending` never rejects. */
  begin(send: Send, sending: Promise<void>, ended: () => void): void {
    for (const { queue } of send.parts) this.#busy.add(queue);
    const end = (): void => {
      this.#sends.delete(send);
      for (const { queue } of send.parts) this.#busy.delete(queue);
      ended();
    };
    this.#sends.set(send, sending.then(end));
  }

  async ended(): Promise<void> {
    await Promise.all(this.#sends.values());
  }

  /** The partitions that waited longest go first. */
  choose(ready: ReadonlySet<PartitionQueue>, now: number): Send | undefined {
    let group: { readonly failedWith: string | undefined } | undefined;
    const closed = new Map<string | undefined, boolean>();
    const parts: Sending[] = [];
    let bytes = 0;
    let count = 0;
    for (const queue of ready) {
      if (bytes >= SEND_BYTES || count >= SEND_RECORDS) break;
      if (notBefore(queue) > now || this.#busy.has(queue)) continue;
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
    return group === undefined ? undefined : { ...group, beganAt: now, parts };
  }

  /** Returns the time until another choice is possible, in milliseconds, if nothing happens meanwhile. */
  pauseMs(ready: ReadonlySet<PartitionQueue>, now: number): number {
    let next = now + 1_000;
    for (const { beganAt } of this.#sends.keys())
      if (beganAt + SLOW_MS > now) next = Math.min(next, beganAt + SLOW_MS);
    for (const queue of ready) if (notBefore(queue) > now) next = Math.min(next, notBefore(queue));
    return Math.max(1, next - now);
  }

  /** Returns whether another send of this group may begin beside those in flight. */
  #mayBegin(failedWith: string | undefined, now: number): boolean {
    let sends = 0;
    for (const send of this.#sends.keys()) {
      if (send.failedWith === failedWith && now - send.beganAt < SLOW_MS) return false;
      if ((send.failedWith === undefined) === (failedWith === undefined)) sends += 1;
    }
    return sends < SENDS;
  }
}

function notBefore({ health }: PartitionQueue): number {
  return health.kind === 'failing' ? health.notBefore : 0;
}
