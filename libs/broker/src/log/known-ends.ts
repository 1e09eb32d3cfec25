import { type Assignment, partitionId } from '../broker.ts';
import type { Fetched, FetchWant } from '../group/link.ts';
import type { WakeUps } from './store.ts';

/**
 * The ends of partitions as they were last read. They hold until something is appended to one of their topics: until then a
 * read from the end would find nothing.
 */
export class KnownEnds {
  readonly #wakeUps: WakeUps;
  readonly #ends = new Map<string, bigint>();
  #over = new AbortController();
  #isOld = true;
  #appended: Promise<void> = Promise.resolve();

  constructor(wakeUps: WakeUps) {
    this.#wakeUps = wakeUps;
  }

  /** Resolves when something was appended since `beforeRead`. */
  get appended(): Promise<void> {
    return this.#appended;
  }

  /** Forgets all ends. Call it before a read with the subjects of its topics: an append during the read is not missed. */
  beforeRead(subjects: readonly string[]): void {
    this.close();
    this.#ends.clear();
    const over = new AbortController();
    this.#over = over;
    this.#isOld = false;
    this.#appended = this.#wakeUps.next(subjects, over.signal).then(() => {
      if (this.#over === over) this.#isOld = true;
    });
  }

  read(answers: readonly Fetched[]): void {
    for (const answer of answers) if (answer.ok) this.#ends.set(idOf(answer), answer.highWatermark);
  }

  /** True when all wants begin at the end. Notifications may be lost: read from time to time all the same. */
  areAt(wants: readonly FetchWant[]): boolean {
    return (
      !this.#isOld &&
      this.#wakeUps.isLive &&
      wants.every((want) => this.#ends.get(idOf(want)) === want.offset)
    );
  }

  close(): void {
    this.#over.abort('over');
  }
}

function idOf({ topic, partition }: Assignment): string {
  return partitionId(topic, partition);
}
