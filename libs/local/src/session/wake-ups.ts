import type { Clock } from '@convergekit/core';
import type { LogSession } from './log-session.ts';

/** The channel of appends and of changes of groups. A payload is a list of subjects. */
export const CHANNEL = 'converge_log';

/** The pause before a lost session is opened again, in milliseconds. */
const AGAIN_MS = 500;
/** A session that died without a word is found by a statement this often, in milliseconds. */
const CHECK_MS = 10_000;

/** The part of a session that is used. */
type Listening = Pick<LogSession, 'listen' | 'query' | 'close'>;

/** The subject of changes of a group. */
export function groupSubject(groupId: string): string {
  return `group:${groupId}`;
}

/**
 * Notifications of the log, one session for all consumers of a process. They are hints: readers poll as well, seldom
 * while `isLive`, often while it is not (an outage, or a pooler that shares sessions).
 */
export class WakeUps {
  readonly #session: Listening;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #closed = new AbortController();
  #running: Promise<void> | undefined;
  #live = false;

  constructor(session: Listening, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  get isLive(): boolean {
    return this.#live;
  }

  /** Resolves at the next notification of one of the subjects, or when `signal` aborts. */
  next(subjects: readonly string[], signal: AbortSignal): Promise<void> {
    this.#running ??= this.#run();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => {
      for (const subject of subjects) this.#waiting.get(subject)?.delete(wake);
      resolve(undefined);
    };
    for (const subject of subjects) {
      const waiting = this.#waiting.get(subject) ?? new Set();
      this.#waiting.set(subject, waiting.add(wake));
    }
    signal.addEventListener('abort', wake, { once: true });
    return promise;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#session.close();
    this.#wakeAll();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        const ended = await this.#session.listen(CHANNEL, (payload) => this.#heard(payload));
        this.#live = ended !== undefined;
        // What was notified before this session listened is read now.
        this.#wakeAll();
        await this.#watch(ended === undefined ? signal : AbortSignal.any([ended, signal]));
      } catch {
        // The reason is reported by the requests of the readers, which fail as well.
      }
      this.#live = false;
      await this.#clock.sleep(AGAIN_MS, signal);
    }
  }

  async #watch(ended: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(CHECK_MS, ended);
      if (ended.aborted) return;
      await this.#session.query('checking the connection', 'select $1::int', [1]);
    }
  }

  #heard(payload: string): void {
    for (const subject of payload.split(',')) {
      const waiting = this.#waiting.get(subject);
      this.#waiting.delete(subject);
      for (const wake of waiting ?? []) wake();
    }
  }

  #wakeAll(): void {
    const all = [...this.#waiting.values()].flatMap((waiting) => [...waiting]);
    this.#waiting.clear();
    for (const wake of all) wake();
  }
}
