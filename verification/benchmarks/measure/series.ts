import { reasonOf } from '../../programs.ts';

/** An error that ends the whole case: the figures of such a run are worth nothing. */
export class Worthless extends Error {}

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

  /** The rows of a table, one for each round: the side, the number of its round, and these cells. */
  rows(cells: (round: T) => readonly string[]): readonly (readonly string[])[] {
    return this.sides.flatMap((side) =>
      this.of(side).map((round, index) => [side, String(index + 1), ...cells(round)]),
    );
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
      if (error instanceof Worthless) throw error;
      this.#failures.set(side, reasonOf(error));
      return undefined;
    }
  }
}

export interface Race<Side, T> {
  readonly name: string;
  readonly sides: readonly Side[];
  readonly nameOf: (side: Side) => string;
  readonly rounds: number;
  /** True for a round 0 that warms up and counts for nothing. @default false */
  readonly warmUp?: boolean;
  /** True when all sides are the kit's: one that fails ends the case. @default false: it is left out from then on */
  readonly allMustHold?: boolean;
  readonly measure: (side: Side, round: number) => Promise<T>;
  readonly line: (measured: T) => string;
  readonly say: (line: string) => void;
}

/** Measures all sides in turn, round after round. */
export async function race<Side, T>(options: Race<Side, T>): Promise<Series<T>> {
  const { name, sides, nameOf, rounds, warmUp = false, allMustHold = false, measure, line, say } = options;
  const series = new Series<T>();
  const warming = new Series<T>();
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1)
    for (const side of inTurn(sides, round)) {
      const who = nameOf(side);
      const kept = round === 0 ? warming : series;
      const measured = await kept.round(who, () => measure(side, round));
      const result = measured === undefined ? `failed: ${kept.failure(who) ?? ''}` : line(measured);
      say(`${name}, round ${round}: ${who} ${result}`);
      if (allMustHold && measured === undefined) throw new Worthless(`${who}: ${kept.failure(who) ?? ''}`);
    }
  return series;
}

/** Rotates the sides: the first side after a pause has an advantage, so each round begins with another. */
export function inTurn<T>(sides: readonly T[], round: number): T[] {
  const first = (round - 1) % Math.max(1, sides.length);
  return [...sides.slice(first), ...sides.slice(0, first)];
}
