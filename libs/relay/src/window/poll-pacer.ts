import type { Wake } from '@convergekit/core/engine';
import type { RelaySettings } from '../options.ts';
import {
  allAnnounced,
  type Announced,
  announcedBy,
  bringsNews,
  BUSY_MS,
  looksFirst,
  mayPollSlowly,
  nextAnnounced,
  nextPace,
  nothingAnnounced,
  type PollOutcome,
  type PollPace,
  startPace,
} from './poll-pace.ts';

/**
 * Decides when a leader polls: at once when a writer notifies, but not twice within `BUSY_MS`, and else after a pause. The
 * pause is long only while no writer without notifications is expected, so that such a writer costs no latency.
 */
export class PollPacer {
  readonly #settings: Pick<RelaySettings, 'clock' | 'log' | 'poll'>;
  readonly #wake: Wake;
  #pace: PollPace = startPace;
  #announced: Announced;
  #isListening = false;
  #slowestMs: number;
  /** Events found, and events announced, that `#announced` does not count yet: a poll counts them at its end. */
  #found = 0;
  #heard = 0;
  #notBefore = -Infinity;
  #windowAt = -Infinity;

  constructor(settings: Pick<RelaySettings, 'clock' | 'log' | 'poll'>, wake: Wake) {
    this.#settings = settings;
    this.#wake = wake;
    this.#announced = nothingAnnounced(settings.clock.monotonic());
    this.#slowestMs = settings.poll.maxMs;
  }

  /** Milliseconds until the next poll, unless a notification comes. */
  get pauseMs(): number {
    return this.#pace.pauseMs;
  }

  /** Records whether notifications arrive at all: behind a transaction pooler they do not. */
  listens(isListening: boolean): void {
    this.#isListening = isListening;
  }

  /** Receives a notification: events have been committed that a poll from now on sees. It wakes for none found already. */
  hear(payload: string): void {
    const events = announcedBy(payload);
    this.#heard += events;
    const since = { events, heard: this.#heard, found: this.#found };
    if (bringsNews(this.#announced, since)) this.#wake.notify();
  }

  /** Counts events of the main lane, however they were read. */
  saw(events: number): void {
    this.#found += events;
  }

  /** Forgets the pause: there is more to read. */
  hurry(): void {
    this.#pace = startPace;
  }

  /**
   * Runs one poll and computes the pause after it. `run` gets whether a look at the snapshot should come first. What is
   * heard while it runs counts for the next poll: this one may not have seen it.
   */
  async poll(run: (looks: boolean) => Promise<PollOutcome>, signal: AbortSignal): Promise<void> {
    const { clock, poll: settings } = this.#settings;
    await this.#spare(signal);
    const announced = this.#heard;
    const outcome = await run(
      announced === 0 && looksFirst(this.#pace, settings, { slowestMs: this.#slowestMs }),
    );
    const now = clock.monotonic();
    const found = this.#found;
    this.#found = 0;
    this.#heard -= announced;
    this.#announced = nextAnnounced(this.#announced, { found, announced, isEmpty: outcome === 'empty', now });
    this.#slowDownTo(this.#limitMs(now));
    const guide = {
      slowestMs: this.#slowestMs,
      sinceWindowMs: now - this.#windowAt,
      allAnnounced: allAnnounced(this.#announced),
    };
    this.#pace = nextPace(this.#pace, outcome, settings, guide);
    if (outcome !== 'empty') this.#windowAt = now;
    this.#notBefore = now + Math.min(BUSY_MS, this.#pace.pauseMs);
  }

  /** Waits for the rest of `BUSY_MS` since the last poll, which notifications do not shorten. Timers may be early a little. */
  async #spare(signal: AbortSignal): Promise<void> {
    const { clock } = this.#settings;
    const early = this.#notBefore - clock.monotonic();
    if (early > BUSY_MS / 2) await clock.sleep(early, signal);
  }

  /** Returns the longest pause, in milliseconds. A relay that hears nothing finds the first event of a while by it. */
  #limitMs(now: number): number {
    const { idleMs, maxMs } = this.#settings.poll;
    if (!mayPollSlowly(this.#announced, now)) return maxMs;
    return this.#isListening ? idleMs : Math.max(maxMs, idleMs / 4);
  }

  #slowDownTo(slowestMs: number): void {
    if (slowestMs === this.#slowestMs) return;
    this.#slowestMs = slowestMs;
    const why =
      slowestMs > this.#settings.poll.maxMs ? 'no event came unannounced' : 'an event came unannounced';
    this.#settings.log.debug({ slowestMs }, `${why}: an idle relay polls every ${slowestMs} ms`);
  }
}
