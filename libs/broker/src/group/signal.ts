/** Wakes all waiters at the next change. Take `next()` before reading the state, then await it: no wake is lost. */
export class Signal {
  #waiting = Promise.withResolvers<undefined>();

  next(): Promise<undefined> {
    return this.#waiting.promise;
  }

  notify(): void {
    const { resolve } = this.#waiting;
    this.#waiting = Promise.withResolvers<undefined>();
    resolve(undefined);
  }
}
