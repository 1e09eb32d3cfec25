/** The decompressed size exceeds the bound. */
export class TooLarge extends RangeError {
  constructor(limit: number) {
    super(`its records are more than ${limit} bytes (maxBatchBytes)`);
    this.name = 'TooLarge';
  }
}
