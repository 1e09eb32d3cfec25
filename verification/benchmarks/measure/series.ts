/** The rounds of each side. A side that failed is left out from then on, and why is kept. */
export class Series<T> {
  readonly #rounds = new Map<string, T[]>();
  readonly #failures = new Map<string, string>();

  of(side: string): readonly T[] {
    return this.#rounds.get(side) ?? [];
  }

  failure(side: string): string | undefined {
    return this.#failures.get(side);
  }

  get sides(): readonly string[] {
    return [...new Set([...this.#rounds.keys(), ...this.#failures.keys()])];
  }

  /** Does nothing for a side that has failed before. */
  async round(side: string, measure: () => Promise<T>): Promise<T | undefined> {
    if (this.#failures.has(side)) return undefined;
    try {
      const measured = await measure();
      const rounds = this.#rounds.get(side) ?? [];
      this.#rounds.set(side, [...rounds, measured]);
      return measured;
    } catch (error) {
      this.#failures.set(side, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
