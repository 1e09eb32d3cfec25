import { type Fetched, type FetchWant, partitionId } from '@convergekit/broker/engine';
import { FETCH_SESSION_EPOCH, FETCH_SESSION_UNKNOWN } from './error-codes.ts';
import { type FetchAsked, fetchResponse, largestOf, sessionIn } from './fetch-request.ts';

/** The last value of an epoch, after which they begin again at 1. */
const LAST_EPOCH = 2_147_483_647;

/**
 * A fetch session with one broker (KIP-227): a request names the partitions that changed since the one before, and the
 * answer those with news. A broker without room for a session gives none; then each request is a full one. After a failure
 * the session begins anew. One request at a time.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  #sent = new Map<string, FetchWant>();
  /** The high watermarks of the partitions that the session has. */
  readonly #ends = new Map<string, bigint>();

  /** Fetches once. `send` resolves with the broker's answer. */
  async fetch(
    wants: readonly FetchWant[],
    send: (asked: FetchAsked) => Promise<Buffer>,
    maxBatchBytes?: number,
  ): Promise<readonly Fetched[]> {
    const asked = this.#ask(wants);
    try {
      const payload = await send(asked);
      const { errorCode, sessionId } = sessionIn(payload);
      const isOver = errorCode === FETCH_SESSION_UNKNOWN || errorCode === FETCH_SESSION_EPOCH;
      if (isOver && asked.epoch > 0) {
        this.#begin();
        return await this.fetch(wants, send, maxBatchBytes);
      }
      const fetched = await fetchResponse(payload, wants, maxBatchBytes);
      return this.#answered(asked, sessionId, wants, fetched);
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

  /** Adds the answers of partitions without news. */
  #answered(
    { epoch }: FetchAsked,
    sessionId: number,
    wants: readonly FetchWant[],
    fetched: readonly Fetched[],
  ): readonly Fetched[] {
    const answered = new Set<string>();
    for (const one of fetched) {
      const id = partitionId(one.topic, one.partition);
      answered.add(id);
      if (one.ok) this.#ends.set(id, one.highWatermark);
    }
    const quiet = wants.flatMap(({ topic, partition, offset }): readonly Fetched[] => {
      const id = partitionId(topic, partition);
      const highWatermark = answered.has(id) ? undefined : this.#ends.get(id);
      if (highWatermark === undefined) return [];
      return [{ ok: true, topic, partition, records: [], bytes: 0, nextOffset: offset, highWatermark }];
    });
    if (sessionId === 0) this.#begin();
    else this.#epoch = epoch === LAST_EPOCH ? 1 : epoch + 1;
    this.#id = sessionId;
    return [...fetched, ...quiet];
  }

  /** Has the next request be a full one, which ends this session. */
  #begin(): void {
    this.#epoch = 0;
    this.#sent = new Map();
    this.#ends.clear();
  }
}

function isSame(before: FetchWant | undefined, now: FetchWant): boolean {
  return before?.offset === now.offset && before.maxBytes === now.maxBytes;
}
