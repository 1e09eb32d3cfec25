/** Bytes that are kept at most. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Buffers of batches that are in the log, for the next batches: at full speed hundreds of megabytes a second would be
 * allocated and left to the garbage collector.
 */
export class BatchBuffers {
  readonly #free: Buffer[] = [];
  #bytes = 0;

  take(): Buffer | undefined {
    const buffer = this.#free.pop();
    this.#bytes -= buffer?.length ?? 0;
    return buffer;
  }

  give(buffer: Buffer): void {
    if (this.#bytes + buffer.length > KEPT_BYTES) return;
    this.#free.push(buffer);
    this.#bytes += buffer.length;
  }
}
