import { RecordBatchBuilder, type SealedRecords, splitRecords } from '@convergekit/broker/engine';
import type { OpenWindow } from '../backlog/lane.ts';

/** Events of one window in a batch, neighbours. */
interface Part {
  readonly window: OpenWindow;
  count: number;
}

interface Place {
  readonly tick: bigint;
  readonly id: number;
}

/** Bytes that are kept at most. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Buffers of acknowledged batches, for reuse by all relays of the process. At full speed hundreds of megabytes a second
 * would otherwise be allocated and left to the garbage collector.
 */
const buffers: Buffer[] = [];
let bufferBytes = 0;

function takeBuffer(): Buffer | undefined {
  const buffer = buffers.pop();
  bufferBytes -= buffer?.length ?? 0;
  return buffer;
}

function keepBuffer(buffer: Buffer): void {
  if (bufferBytes + buffer.length > KEPT_BYTES) return;
  buffers.push(buffer);
  bufferBytes += buffer.length;
}

/** A batch of events of one partition, and which events they are. */
export class QueuedBatch {
  readonly #builder: RecordBatchBuilder;
  #sealed: SealedRecords | undefined;
  #ids: number[] = [];
  #parts: Part[] = [];

  constructor(sealed?: SealedRecords) {
    this.#builder = new RecordBatchBuilder(sealed === undefined ? takeBuffer() : Buffer.alloc(0));
    this.#sealed = sealed;
  }

  get builder(): RecordBatchBuilder {
    return this.#builder;
  }

  get events(): number {
    return this.#ids.length;
  }

  /** Size on the wire. */
  get bytes(): number {
    return this.#sealed?.bytes.length ?? this.#builder.size;
  }

  get first(): Place {
    return { tick: this.#parts[0]?.window.number ?? 0n, id: this.#ids[0] ?? 0 };
  }

  get last(): Place {
    return { tick: this.#parts.at(-1)?.window.number ?? 0n, id: this.#ids.at(-1) ?? 0 };
  }

  /** An empty batch takes a record of any size. */
  hasRoom(room: number, limit: number): boolean {
    return this.#sealed === undefined && (this.#ids.length === 0 || this.#builder.size + room <= limit);
  }

  push(id: number, window: OpenWindow): void {
    this.#ids.push(id);
    window.queued();
    const part = this.#parts.at(-1);
    if (part?.window === window) part.count += 1;
    else this.#parts.push({ window, count: 1 });
  }

  seal(): SealedRecords {
    return (this.#sealed ??= this.#builder.seal());
  }

  split(records: number): readonly [QueuedBatch, QueuedBatch] {
    const [before, after] = splitRecords(this.seal(), records);
    const parts = [new QueuedBatch(before), new QueuedBatch(after)] as const;
    let at = 0;
    for (const { window, count } of this.#parts)
      for (let left = count; left > 0; left -= 1, at += 1) {
        const id = this.#ids[at] ?? 0;
        parts[at < records ? 0 : 1].push(id, window);
        window.finished(1);
      }
    return parts;
  }

  /** Called when the batch is in the log: the driver no longer reads the bytes. */
  acknowledged(): void {
    this.dropped();
    keepBuffer(this.#builder.buffer);
  }

  /** Called when the batch is dropped. A driver may still be writing the bytes. */
  dropped(): void {
    for (const { window, count } of this.#parts) window.finished(count);
  }
}
