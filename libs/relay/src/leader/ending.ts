/** The times that a stop waits, in milliseconds: together less than five seconds, whatever hangs. */
export const STOP_MS = {
  /** The time for the loops, with their work in flight, in milliseconds. A produce is abandoned a moment earlier. */
  loops: 2_500,
  /** Saving the positions: what is not saved is sent once more by the next leader. */
  save: 600,
  /** The time to release the lease, which otherwise runs out by itself. */
  release: 500,
} as const;

/** The reason why a leadership ended. */
export type EndReason =
  | { readonly kind: 'stopped' }
  /** Another relay has the lease, or the lease ran out before its renewal. */
  | { readonly kind: 'deposed'; readonly detail: string }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The end of a leadership: the first reason counts, and the signal ends every loop and wait. */
export class Ending {
  readonly #controller = new AbortController();
  #reason: EndReason | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  isOver(): boolean {
    return this.#reason !== undefined;
  }

  end(reason: EndReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller.abort();
  }

  /** The `onError` of a loop: an error ends the leadership. */
  readonly failed = (error: unknown): void => this.end({ kind: 'failed', error });

  onEnd(listener: () => void): void {
    if (this.isOver()) listener();
    else this.signal.addEventListener('abort', listener, { once: true });
  }
}
