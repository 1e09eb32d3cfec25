const BIN_MS = 100;

/** The times when records were appended, in tenths of a second, to find pauses. */
export class AppendTimes {
  readonly #beganMs: number;
  readonly #bins: Uint32Array;

  constructor(beganMs: number, endedMs: number) {
    this.#beganMs = beganMs;
    this.#bins = new Uint32Array(Math.max(1, Math.ceil((endedMs - beganMs) / BIN_MS)));
  }

  add(atMs: number): void {
    const bin = Math.floor((atMs - this.#beganMs) / BIN_MS);
    if (bin >= 0 && bin < this.#bins.length) this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
  }

  /** The longest time without a record, and when it began. */
  longestSilence(): { readonly ms: number; readonly atMs: number } {
    let longest = 0;
    let at = 0;
    let run = 0;
    for (const [bin, count] of this.#bins.entries()) {
      run = count === 0 ? run + 1 : 0;
      if (run > longest) [longest, at] = [run, bin + 1 - run];
    }
    return { ms: longest * BIN_MS, atMs: this.#beganMs + at * BIN_MS };
  }
}
