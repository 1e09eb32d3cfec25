/** The number of begins that ask the fence first, after one that found its step reached. */
const ASKED = 100;

/**
 * The order of handler and fence in a local step. Ordinarily its handler runs first, and one statement writes the fence
 * behind it. Where steps are found reached (events are delivered again, undos overtake begins, handlers fail), the fence
 * is asked first for a while, so that no handler runs in vain.
 */
export class FenceOrder {
  #asks = 0;

  get asksFirst(): boolean {
    return this.#asks > 0;
  }

  /** Records that a step had been reached before, or may have been. */
  reached(): void {
    this.#asks = ASKED;
  }

  /** Records that a step was asked, and nothing had reached it. */
  absent(): void {
    if (this.#asks > 0) this.#asks -= 1;
  }
}
