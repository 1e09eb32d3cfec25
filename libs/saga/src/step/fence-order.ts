/** The number of begins that ask the fence first, after one that found its step reached. */
const ASKED = 100;

/**
 * The order of fence and effect in a step that begins. Ordinarily its handler runs first, or its call is requested, and one
 * statement writes the fences of the slice behind that. Where steps are found reached (events are delivered again, undos
 * overtake begins, handlers fail), each fence is asked first for a while, so that no handler runs in vain.
 */
export class FenceOrder {
  #asks = 0;

  get asksFirst(): boolean {
    return this.#asks > 0;
  }

  /** Records that a step had been reached before, or may have been: one `among` others of its slice. */
  reached(among = 0): void {
    this.#asks = ASKED + among;
  }

  /** Records that a step was asked, and nothing had reached it. */
  absent(): void {
    if (this.#asks > 0) this.#asks -= 1;
  }
}
