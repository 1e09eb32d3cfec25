import { reasonOf } from './programs.ts';

/**
 * The clean-up at the end of a run: the last thing made is removed first. A part that cannot be removed is reported and
 * does not keep the others from being removed.
 */
export class Cleanup {
  readonly #parts = new Set<() => Promise<void>>();
  #closed = false;
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Returns a function that undoes this part now; later calls do nothing. */
  add(undo: () => Promise<unknown>): () => Promise<void> {
    let undone: Promise<void> | undefined;
    const part = (): Promise<void> => {
      this.#parts.delete(part);
      return (undone ??= undo().then(() => undefined));
    };
    this.#parts.add(part);
    return part;
  }

  /** Throws after `run` began, when a new thing would stay. Call it before making something. */
  throwIfClosed(): void {
    if (this.#closed) throw new Error('stopped');
  }

  async run(): Promise<void> {
    this.#closed = true;
    for (const part of [...this.#parts].reverse())
      try {
        await part();
      } catch (error) {
        this.#say(`clean-up: ${reasonOf(error)}`);
      }
  }
}
