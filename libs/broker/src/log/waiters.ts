/** The readers that wait for notifications of subjects. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves when one of the subjects is woken, or when `signal` aborts. */
  next(subjects: readonly string[], signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => {
      for (const subject of subjects) this.#waiting.get(subject)?.delete(wake);
      resolve(undefined);
    };
    for (const subject of subjects) {
      const waiting = this.#waiting.get(subject) ?? new Set();
      this.#waiting.set(subject, waiting.add(wake));
    }
    signal.addEventListener('abort', wake, { once: true });
    return promise;
  }

  /** Wakes the readers of some subjects. @default all */
  wake(subjects: Iterable<string> = [...this.#waiting.keys()]): void {
    for (const subject of subjects) {
      const waiting = this.#waiting.get(subject);
      this.#waiting.delete(subject);
      for (const wake of waiting ?? []) wake();
    }
  }
}
