import type { AnnouncedWork } from '../work/announce.ts';
import type { ClaimedWork } from '../work/work.ts';

/** The pause between two looks of a worker that is woken, in milliseconds. */
const WOKEN_MS = 1_000;
/** The time for which a worker remembers unannounced work, in milliseconds. */
const REMEMBERED_MS = 600_000;
/** The time after which a worker that heard nothing concludes that there is nothing to hear, in milliseconds. */
const NEW_MS = 60_000;
/** The most announced works that another worker may have taken. */
const MOST = 1_000;

/** What a worker has learnt about the writers of its work. */
interface Learnt {
  /** True once a transaction of this process announced work. */
  readonly heard: boolean;
  /** The time since the worker began, in milliseconds. */
  readonly runningMs: number;
  /** The time since unannounced work was found, in milliseconds; Infinity = never. */
  readonly unannouncedMs: number;
}

/**
 * Returns the pause before the next look for unannounced work, in milliseconds. Pure. A worker that is woken for its work
 * looks seldom, and one that has none; where another process writes work, it looks every `pollMs`.
 */
export function pauseMs(pollMs: number, { heard, runningMs, unannouncedMs }: Learnt): number {
  const isSlow = (heard || runningMs >= NEW_MS) && unannouncedMs > REMEMBERED_MS;
  return isSlow ? Math.max(pollMs, WOKEN_MS) : pollMs;
}

/** Compares the work that a worker finds with the work that was announced to it. Times are in milliseconds. */
export class ClaimPace {
  readonly #announced = new Set<string>();
  /** Found before it was announced: its transaction may have ended a moment ago. */
  readonly #early = new Set<string>();
  #dueAt: number[] = [];
  #heard = false;
  readonly #startedAt: number;
  #unannouncedAt = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#startedAt = now;
  }

  /** Remembers announced work. True: it is due before the next look at the latest. */
  announced({ id, dueMs }: AnnouncedWork, now: number): boolean {
    this.#heard = true;
    if (dueMs > 0) return this.putOff(now + dueMs, now);
    if (id === undefined || this.#early.delete(id)) return true;
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
    if (this.#early.size > 0) this.#unannouncedAt = now;
    this.#early.clear();
    this.#dueAt = this.#dueAt.filter((at) => at > now);
  }

  found(work: Pick<ClaimedWork, 'id' | 'found' | 'story'>): void {
    if (work.found !== 'ready' || work.story.length > 0 || this.#announced.delete(work.id)) return;
    this.#early.add(work.id);
  }

  /** Returns the pause before the next look, in milliseconds. */
  pauseMs(pollMs: number, now: number): number {
    const unannouncedMs = now - this.#unannouncedAt;
    const learnt = { heard: this.#heard, runningMs: now - this.#startedAt, unannouncedMs };
    return Math.min(pauseMs(pollMs, learnt), ...this.#dueAt.map((at) => Math.max(0, at - now)));
  }
}

/** The longest pause between two looks, in milliseconds. */
export function longestPauseMs(pollMs: number): number {
  return Math.max(pollMs, WOKEN_MS);
}
