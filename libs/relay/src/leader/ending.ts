/** Why a leadership ended. */
export type EndReason =
  | { readonly kind: 'stopped' }
  /** Another relay has the lease, or it ran out before it could be renewed. */
  | { readonly kind: 'deposed'; readonly detail: string }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The end of a leadership, once: the first reason counts, and everybody who waits is woken. */
export class Ending {
  #reason: EndReason | undefined;
  readonly #listeners: (() => void)[] = [];

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  isOver(): boolean {
    return this.#reason !== undefined;
  }

  end(reason: EndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners) listener();
  }

  onEnd(listener: () => void): void {
    if (this.isOver()) listener();
    else this.#listeners.push(listener);
  }
}
