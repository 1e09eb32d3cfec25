import { BATCH_OVERHEAD, ByteReader } from '@convergekit/broker/engine';

/** A transaction that was not committed, as a broker names it to a reader of what is committed. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

const TRANSACTIONAL = 0x10;
const ABORT = 0;

/**
 * Which batches of a fetched set belong to transactions that were aborted. A producer's batches from the transaction's
 * first offset on do, until its mark: a control record (https://cwiki.apache.org/confluence/x/ekXWAw, "Fetch").
 */
export class Transactions {
  readonly #toCome: AbortedTransaction[];
  readonly #aborted = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#toCome = aborted.toSorted((left, right) => (left.firstOffset < right.firstOffset ? -1 : 1));
  }

  isAborted(batch: Buffer, attributes: number, lastOffset: bigint): boolean {
    for (
      let next = this.#toCome[0];
      next !== undefined && next.firstOffset <= lastOffset;
      next = this.#toCome[0]
    ) {
      this.#aborted.add(next.producerId);
      this.#toCome.shift();
    }
    return (attributes & TRANSACTIONAL) !== 0 && this.#aborted.has(producerOf(batch));
  }

  /** A control batch: the mark at the end of one producer's transaction. */
  ended(batch: Buffer): void {
    if (controlTypeOf(batch) === ABORT) this.#aborted.delete(producerOf(batch));
  }
}

function producerOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(43);
}

/** The key of a control record is its version and its type. undefined: it cannot be read. */
function controlTypeOf(batch: Buffer): number | undefined {
  try {
    const reader = new ByteReader(batch, BATCH_OVERHEAD);
    reader.varint();
    reader.position += 1;
    reader.varint();
    reader.varint();
    reader.varint();
    reader.int16();
    return reader.int16();
  } catch {
    return undefined;
  }
}
