import type { EffectCounts } from './effects-sql.ts';

/** An event beyond a fork, as `converge source show --phantoms` lists it. */
export interface Beyond {
  readonly eventId: string;
  readonly kind: 'phantom' | 'sent_again';
}

/** What promotions of a standby that lacked commits took away: an operator is shown each event of it. */
export class Fork {
  /** Acknowledged events that the promoted standby did not have. */
  readonly #lost = new Set<string>();
  /** Events that consumers have, and the source no more. */
  readonly #phantoms = new Set<string>();
  #sentAgain = 0;

  note(lost: readonly string[], beyond: readonly Beyond[]): void {
    for (const id of lost) this.#lost.add(id);
    for (const { eventId, kind } of beyond)
      if (kind === 'phantom') this.#phantoms.add(eventId);
      else this.#sentAgain += 1;
  }

  hasLost(id: string): boolean {
    return this.#lost.has(id);
  }

  /** Events whose effect the consumers have, of these of the source. */
  withPhantoms(sent: readonly string[]): readonly string[] {
    return [...sent, ...this.#phantoms];
  }

  /** How many of so many acknowledged events have an effect in the end. */
  effectsOf(acknowledged: number): number {
    const gone = [...this.#lost].filter((id) => !this.#phantoms.has(id));
    return acknowledged - gone.length;
  }

  /** An event that is sent again may have its effect twice. */
  judge(counts: EffectCounts): EffectCounts {
    return { ...counts, twice: Math.max(0, counts.twice - this.#sentAgain) };
  }

  get figures(): readonly (readonly [string, string])[] {
    if (this.#lost.size === 0) return [];
    const text = `${this.#lost.size} commits, of which ${this.#phantoms.size} phantoms, ${this.#sentAgain} sent again`;
    return [['lost by an asynchronous promotion', text]];
  }
}
