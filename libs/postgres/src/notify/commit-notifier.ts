import { type Clock, endsWithin } from '@convergekit/core';
import type { CommitMark } from '../statement-marks.ts';
import type { Target } from '../errors.ts';

/** Sends one notification. `payload` is called when the connection is there, so that it covers what came meanwhile. */
type SendNotification = (channel: string, payload: () => string) => Promise<void>;

/** The time that closing the pool waits for the last notification, in milliseconds. */
const CLOSE_MS = 1_000;

/** Gets the payload of a notification: the number of its commits' events. */
type Heard = (payload: string) => void;

/** Listeners by database and channel. An entry lives as long as its listeners. */
export type Listeners = Map<string, Set<Heard>>;

/** The listeners of this process. Its pools for the same database share them. */
export const listenersOfProcess: Listeners = new Map();

interface Channel {
  readonly name: string;
  /** The sum of counts that no notification covers yet. */
  count: number;
  sentAt: number | undefined;
  running: Promise<void> | undefined;
}

/**
 * Notifies channels of commits: at once after a pause, then once a period for all commits in it. No caller waits for
 * it, and no error of it reaches one: a listener that misses a notification polls.
 */
export class CommitNotifier {
  readonly #send: SendNotification;
  readonly #clock: Clock;
  readonly #channels = new Map<string, Channel>();
  readonly #here: Listeners;
  readonly #database: string;
  readonly #closing = new AbortController();

  /** `target`: the pool's database. A commit to it goes to those of `listeners` that listen to this database. */
  constructor(
    send: SendNotification,
    clock: Clock,
    { listeners, target }: { readonly listeners: Listeners; readonly target: Omit<Target, 'setting'> },
  ) {
    this.#send = send;
    this.#clock = clock;
    this.#here = listeners;
    this.#database = JSON.stringify([target.host, target.port, target.database, target.user]);
  }

  committed({ channel: name, count }: CommitMark): void {
    const here = this.#here.get(this.#database + name);
    if (here !== undefined) {
      for (const heard of here) heard(String(count));
      return;
    }
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { name, count: 0, sentAt: undefined, running: undefined };
      this.#channels.set(name, channel);
    }
    channel.count += count;
    channel.running ??= this.#run(channel);
  }

  /**
   * Gives each commit of a channel to a listener of this process at once, and sends no notification meanwhile: for a
   * channel with one listener. Returns the function that ends it.
   */
  listenHere(name: string, heard: Heard): () => void {
    const id = this.#database + name;
    const known = this.#here.get(id) ?? new Set();
    this.#here.set(id, known.add(heard));
    return () => {
      known.delete(heard);
      if (known.size === 0 && this.#here.get(id) === known) this.#here.delete(id);
    };
  }

  /** Sends what waits without further delay. Resolves when it is sent, or after a second. */
  async close(): Promise<void> {
    const running = [...this.#channels.values()].flatMap((channel) => channel.running ?? []);
    this.#closing.abort();
    if (running.length > 0) await endsWithin(Promise.all(running), CLOSE_MS, this.#clock);
  }

  async #run(channel: Channel): Promise<void> {
    try {
      while (channel.count > 0) {
        const waitMs = waitBeforeNotify(channel.sentAt, this.#clock.monotonic());
        if (waitMs > 0) await this.#clock.sleep(waitMs, this.#closing.signal);
        await this.#send(channel.name, () => this.#take(channel));
      }
    } catch {
      channel.count = 0;
    } finally {
      channel.running = undefined;
    }
  }

  #take(channel: Channel): string {
    const { count } = channel;
    channel.count = 0;
    channel.sentAt = this.#clock.monotonic();
    return String(count);
  }
}

/** The minimum time from one notification of a channel to the next, per pool, in milliseconds. */
const NOTIFY_EVERY_MS = 5;

/** Computes how long a notification waits for others to join it: not at all after a pause, else the rest of the period. */
function waitBeforeNotify(sentAt: number | undefined, now: number): number {
  return sentAt === undefined ? 0 : Math.max(0, sentAt + NOTIFY_EVERY_MS - now);
}
