import type { Clock } from '@convergekit/core';
import { Waiters, type WakeUps } from '@convergekit/broker/engine';
import type { LogSession } from './log-session.ts';

/** The channel of appends and of changes of groups. A payload is a list of subjects. */
export const CHANNEL = 'converge_log';

/** The pause before a lost session is opened again, in milliseconds. */
const AGAIN_MS = 500;
/** A session that died without a word is found by a statement this often, in milliseconds. */
const CHECK_MS = 10_000;

/** The part of a session that is used. */
type Listening = Pick<LogSession, 'listen' | 'query' | 'close'>;

/**
 * Notifications of the log, one session for all consumers of a process. They are hints: readers poll as well, seldom
 * while `isLive`, often while it is not (an outage, or a pooler that shares sessions).
 */
export class LogWakeUps implements WakeUps {
  readonly #session: Listening;
  readonly #clock: Clock;
  readonly #waiters = new Waiters();
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

  next(subjects: readonly string[], signal: AbortSignal): Promise<void> {
    this.#running ??= this.#run();
    return this.#waiters.next(subjects, signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#session.close();
    this.#waiters.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        const ended = await this.#session.listen(CHANNEL, (payload) =>
          this.#waiters.wake(payload.split(',')),
        );
        this.#live = ended !== undefined;
        // What was notified before this session listened is read now.
        this.#waiters.wake();
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
}
