/**
 * How many rows a statement may return, from how large events were: a page of the largest events must not be gigabytes.
 * Starts small, grows at most twofold a page, and falls at once.
 */
export class PageSize {
  readonly #most: number;
  readonly #bytes: number;
  #rows: number;

  constructor(mostRows: number, pageBytes: number) {
    this.#most = mostRows;
    this.#bytes = pageBytes;
    this.#rows = Math.min(mostRows, 500);
  }

  get rows(): number {
    return this.#rows;
  }

  saw(events: number, bytes: number): void {
    if (events === 0) return;
    const fits = Math.floor(this.#bytes / (bytes / events));
    this.#rows = Math.max(1, Math.min(this.#most, this.#rows * 2, fits));
  }
}
