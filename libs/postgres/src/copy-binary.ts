import type { Duplex } from 'node:stream';
import type { ClientBase } from 'pg';
import { pg } from './driver.ts';
import { CopyFrames } from './copy-frames.ts';
import { type Executor, executorOfClient } from './executor.ts';
import type { TupleBlock } from './tuples.ts';

/** An executor that can also read many rows as bytes. */
export interface CopyExecutor extends Executor {
  /**
   * Runs `copy (select) to stdout (format binary)` as a statement of its own.
   * It works behind a pooler in transaction mode. Write constants into the text: COPY binds no values. Rows arrive in blocks
   * while the server continues; a slow reader pauses the socket. Ending the iteration early discards the remaining rows, so
   * the connection stays usable. A server error is thrown after the blocks before it.
   */
  copy(select: string): AsyncIterableIterator<TupleBlock>;
}

export function copyExecutorOfClient(client: ClientBase): CopyExecutor {
  return {
    ...executorOfClient(client),
    copy: (select) => {
      const copy = new BinaryCopy(`copy (${select}) to stdout (format binary)`);
      client.query(copy);
      return copy;
    },
  };
}

/** Quotes a text as a constant, for COPY. */
export function quoteLiteral(text: string): string {
  return pg().escapeLiteral(text);
}

/** Number of unread bytes that pauses the socket. */
const WAITING_BYTES = 1024 * 1024;

interface Connection {
  readonly stream: Duplex;
  query(text: string): void;
}
type DataListener = (chunk: Buffer) => void;

/**
 * A query in pg's queue that reads the socket itself while active: pg would create an object per row.
 * Messages other than rows go to pg's own parser, as do all messages after the copy.
 */
class BinaryCopy implements AsyncIterableIterator<TupleBlock> {
  readonly #text: string;
  readonly #frames = new CopyFrames();
  #stream: Duplex | undefined;
  #parser: DataListener | undefined;
  #blocks: TupleBlock[] = [];
  #waitingBytes = 0;
  #unwanted = false;
  #end: { readonly error?: Error } | undefined;
  #wake: (() => void) | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<TupleBlock, undefined>> {
    for (;;) {
      const block = this.#blocks.shift();
      if (block !== undefined) {
        this.#waitingBytes -= block.to - block.from;
        if (this.#waitingBytes < WAITING_BYTES) this.#stream?.resume();
        return { done: false, value: block };
      }
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return { done: true, value: undefined };
      await this.#news();
    }
  }

  async return(): Promise<IteratorResult<TupleBlock, undefined>> {
    this.#unwanted = true;
    this.#blocks = [];
    // The count must be reset: a count that stays high would pause the socket at the next chunk, forever.
    this.#waitingBytes = 0;
    this.#stream?.resume();
    while (this.#end === undefined) await this.#news();
    return { done: true, value: undefined };
  }

  /** Starts the query. pg calls it when the connection is free for it. */
  submit(connection: Connection): void {
    const { stream } = connection;
    const [parser] = stream.listeners('data') as DataListener[];
    if (parser === undefined) throw new Error('this connection has no parser');
    this.#stream = stream;
    this.#parser = parser;
    stream.off('data', parser);
    stream.on('data', this.#onData);
    connection.query(this.#text);
  }

  handleError(error: Error): void {
    this.#over({ error });
  }

  handleReadyForQuery(): void {
    this.#over({});
  }

  handleCommandComplete(): void {
    // The rows have arrived; an early end only has to free the connection.
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#take(chunk);
    } catch (error) {
      // The bytes are not understood, so later messages on this connection would be misread, too.
      const stream = this.#stream;
      this.#over({ error: error as Error });
      stream?.destroy(error as Error);
    }
  };

  #take(chunk: Buffer): void {
    const { blocks, others, rest } = this.#frames.take(chunk);
    if (!this.#unwanted)
      for (const block of blocks) {
        this.#blocks.push(block);
        this.#waitingBytes += block.to - block.from;
      }
    if (this.#waitingBytes >= WAITING_BYTES) this.#stream?.pause();
    for (const other of others) this.#parser?.(other);
    if (rest !== undefined) this.#giveBack(rest);
    this.#wake?.();
  }

  #giveBack(rest: Buffer): void {
    const parser = this.#parser;
    this.#letGo();
    parser?.(rest);
  }

  #letGo(): void {
    if (this.#parser === undefined || this.#stream === undefined) return;
    this.#stream.off('data', this.#onData);
    this.#stream.on('data', this.#parser);
    this.#stream.resume();
    this.#parser = this.#stream = undefined;
  }

  #over(end: { readonly error?: Error }): void {
    this.#end ??= end;
    this.#letGo();
    this.#wake?.();
  }

  async #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => resolve(undefined);
    await promise;
  }
}
