import { type Clock, systemClock } from '@convergekit/core';
import { type Fetched, type FetchWant, partitionId } from '@convergekit/broker/engine';
import { FETCH_SESSION_EPOCH, FETCH_SESSION_UNKNOWN } from './error-codes.ts';
import { type FetchAsked, fetchResponse, largestOf, sessionIn } from './fetch-request.ts';

/** The last value of an epoch, after which they begin again at 1. */
const LAST_EPOCH = 2_147_483_647;
/** The longest life of a session, in milliseconds: what broker and client see differently would stay for ever. */
const LONGEST_MS = 10_000;

/**
 * A fetch session with one broker (KIP-227): a request names the partitions that changed since the one before, and the
 * answer those with news. A broker without room for a session gives none; then each request is a full one. After a failure
 * the session begins anew, and every ten seconds. Requests go one after the other, also those of two memberships.
 */
export class FetchSession {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #last: Promise<unknown> = Promise.resolve();
  #id = 0;
  #epoch = 0;
  #begunAt = 0;
  #throttled = false;
  #sent = new Map<string, FetchWant>();
  /** The high watermarks of the partitions that the session has. */
  readonly #ends = new Map<string, bigint>();

  constructor(clock: Pick<Clock, 'monotonic'> = systemClock) {
    this.#clock = clock;
  }

  /** True when a quota kept the last answer empty. */
  get isThrottled(): boolean {
    return this.#throttled;
  }

  /** Fetches once, behind the fetch before. `send` resolves with the broker's answer. */
  fetch(
    wants: readonly FetchWant[],
    send: (asked: FetchAsked) => Promise<Buffer>,
    maxBatchBytes?: number,
  ): Promise<readonly Fetched[]> {
    const turn = this.#last.then(() => this.#fetch(wants, send, maxBatchBytes));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #fetch(
    wants: readonly FetchWant[],
    send: (asked: FetchAsked) => Promise<Buffer>,
    maxBatchBytes: number | undefined,
  ): Promise<readonly Fetched[]> {
    if (this.#clock.monotonic() - this.#begunAt >= LONGEST_MS) this.#begin();
    const asked = this.#ask(wants);
    try {
      const payload = await send(asked);
      const { errorCode, sessionId, throttledMs } = sessionIn(payload);
      const isOver = errorCode === FETCH_SESSION_UNKNOWN || errorCode === FETCH_SESSION_EPOCH;
      if (isOver && asked.epoch > 0) {
        this.#begin();
        return await this.#fetch(wants, send, maxBatchBytes);
      }
      const fetched = await fetchResponse(payload, wants, maxBatchBytes);
      this.#throttled = throttledMs > 0 && fetched.length === 0;
      const quiet = this.#throttled ? [] : this.#quiet(wants, fetched);
      this.#answered(asked, sessionId);
      return [...fetched, ...quiet];
    } catch (error) {
      this.#begin();
      throw error;
    }
  }

  #ask(wants: readonly FetchWant[]): FetchAsked {
    const before = this.#sent;
    this.#sent = new Map(wants.map((want) => [partitionId(want.topic, want.partition), want]));
    const changed = [...this.#sent].flatMap(([id, want]) => (isSame(before.get(id), want) ? [] : [want]));
    const forgotten = [...before].flatMap(([id, want]) => (this.#sent.has(id) ? [] : [want]));
    for (const { topic, partition } of forgotten) this.#ends.delete(partitionId(topic, partition));
    const maxBytes = largestOf(wants);
    return { sessionId: this.#id, epoch: this.#epoch, wants: changed, forgotten, maxBytes };
  }

  /** Returns the answers of partitions without news. An answer that a quota keeps empty says nothing about them. */
  #quiet(wants: readonly FetchWant[], fetched: readonly Fetched[]): readonly Fetched[] {
    const answered = new Set<string>();
    for (const one of fetched) {
      const id = partitionId(one.topic, one.partition);
      answered.add(id);
      if (one.ok) this.#ends.set(id, one.highWatermark);
    }
    return wants.flatMap(({ topic, partition, offset }): readonly Fetched[] => {
      const id = partitionId(topic, partition);
      const highWatermark = answered.has(id) ? undefined : this.#ends.get(id);
      if (highWatermark === undefined) return [];
      return [{ ok: true, topic, partition, records: [], bytes: 0, nextOffset: offset, highWatermark }];
    });
  }

  #answered({ epoch }: FetchAsked, sessionId: number): void {
    if (sessionId === 0) this.#begin();
    else this.#epoch = epoch === LAST_EPOCH ? 1 : epoch + 1;
    this.#id = sessionId;
  }

  /** Has the next request be a full one, which ends this session. */
  #begin(): void {
    this.#epoch = 0;
    this.#begunAt = this.#clock.monotonic();
    this.#sent = new Map();
    this.#ends.clear();
  }
}

function isSame(before: FetchWant | undefined, now: FetchWant): boolean {
  return before?.offset === now.offset && before.maxBytes === now.maxBytes;
}
