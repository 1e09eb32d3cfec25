import { ConnectionError } from './connection.ts';

/**
 * The most bytes of answers that are not whole yet, over all connections of a process: four of the largest, or hundreds of usual
 * fetches.
 */
const MOST_BYTES = 536_870_912;

/** An answer of which a part has come, and how its connection is ended. */
export interface BegunAnswer {
  bytes: number;
  readonly end: (error: ConnectionError) => void;
}

/** The answers that are not whole yet. Their bytes are kept by the client libraries, each connection for itself. */
export class BegunAnswers {
  readonly #most: number;
  readonly #begun = new Set<BegunAnswer>();
  #bytes = 0;

  constructor(most = MOST_BYTES) {
    this.#most = most;
  }

  /** Notes how much of an answer has come, 0 when it is whole. Ends the connections of the largest while all are too many. */
  note(answer: BegunAnswer, bytes: number): void {
    this.#bytes += bytes - answer.bytes;
    answer.bytes = bytes;
    if (bytes === 0) this.#begun.delete(answer);
    else this.#begun.add(answer);
    while (this.#bytes > this.#most) this.#endLargest();
  }

  #endLargest(): void {
    const [largest, ...others] = this.#begun;
    if (largest === undefined) return;
    const found = others.reduce((most, one) => (one.bytes > most.bytes ? one : most), largest);
    const text = `answers that are not whole have more than ${this.#most} bytes in this process, and this one is the largest of them, with ${found.bytes}`;
    this.note(found, 0);
    found.end(new ConnectionError('frame', text));
  }
}
