import type { AnnouncedWork } from '../work/announce.ts';
import type { ClaimedWork } from '../work/work.ts';

/** The pause between two looks of a worker that is woken, in milliseconds. */
const WOKEN_MS = 1_000;
/** The time for which a worker remembers unannounced work, in milliseconds. */
const REMEMBERED_MS = 600_000;
/** The age from which work was due later than it was written, and says nothing about its writer, in milliseconds. */
const OLD_MS = 10_000;
/** The most announced works that another worker may have taken. */
const MOST = 1_000;

/** Compares the work that a worker finds with the work that was announced to it. Times are in milliseconds. */
export class ClaimPace {
  readonly #announced = new Set<string>();
  /** Found before it was announced: its transaction may have ended a moment ago. */
  readonly #early = new Set<string>();
  #dueAt: number[] = [];
  #unannouncedAt = Number.NEGATIVE_INFINITY;
  #looks = 0;

  /** Remembers announced work. True: it is due before the next look at the latest, and was not found yet. */
  announced({ id, dueMs }: AnnouncedWork, now: number): boolean {
    if (dueMs > 0) return this.putOff(now + dueMs, now);
    if (id === undefined) return true;
    if (this.#early.delete(id)) return false;
    this.#announced.add(id);
    const [oldest] = this.#announced;
    if (this.#announced.size > MOST && oldest !== undefined) this.#announced.delete(oldest);
    return true;
  }

  /** Work is due again, or for the first time, at `at`. False: after the next look, which finds it. */
  putOff(at: number, now: number): boolean {
    if (at - now >= WOKEN_MS) return false;
    this.#dueAt.push(at);
    return true;
  }

  /** Begins a look: what the last one found should have been announced by now. */
  look(now: number): void {
    // The first one found what was there when the worker began.
    if (this.#early.size > 0 && this.#looks > 1) this.#unannouncedAt = now;
    this.#looks += 1;
    this.#early.clear();
    this.#dueAt = this.#dueAt.filter((at) => at > now);
  }

  found({ id, found, story, ageMs }: Pick<ClaimedWork, 'id' | 'found' | 'story' | 'ageMs'>): void {
    if (found !== 'ready' || story.length > 0 || this.#announced.delete(id) || ageMs >= OLD_MS) return;
    this.#early.add(id);
  }

  /** Returns the pause before the next look: short for a time where other processes, which announce none, write work. */
  pauseMs(pollMs: number, now: number): number {
    const isRemembered = now - this.#unannouncedAt <= REMEMBERED_MS;
    const pause = isRemembered ? pollMs : longestPauseMs(pollMs);
    return Math.min(pause, ...this.#dueAt.map((at) => Math.max(0, at - now)));
  }
}

/** The longest pause between two looks, in milliseconds. */
export function longestPauseMs(pollMs: number): number {
  return Math.max(pollMs, WOKEN_MS);
}
