/** Several consumers did not do what was expected. The message has the seed and the history up to the failure. */
export class ApplyAllError extends Error {
  readonly seed: number;
  /** The deliveries, one line each, until the failure. */
  readonly history: readonly string[];

  constructor(seed: number, history: readonly string[], cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `${why}\nafter ${history.length} deliveries:${history.map((line) => `\n  ${line}`).join('')}\nRun it again, in empty databases: { seed: ${seed} }`,
      { cause },
    );
    this.name = 'ApplyAllError';
    this.seed = seed;
    this.history = history;
  }
}
