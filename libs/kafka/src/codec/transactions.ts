import { BATCH_OVERHEAD, ByteReader } from '@convergekit/broker/engine';

/** An aborted transaction, as a broker lists it to readers of committed records. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

const TRANSACTIONAL = 0x10;
const ABORT = 0;

/**
 * Decides which batches of a fetched set belong to aborted transactions: those of the producer from the transaction's
 * first offset up to its end marker, a control record (https://cwiki.apache.org/confluence/x/ekXWAw, "Fetch").
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

  /** Handles a control batch, the end marker of one producer's transaction. */
  ended(batch: Buffer): void {
    if (controlTypeOf(batch) === ABORT) this.#aborted.delete(producerOf(batch));
  }
}

function producerOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(43);
}

/** The type of a control record, from its key; undefined if unreadable. */
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
