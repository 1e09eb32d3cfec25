import type { Clock } from '@convergekit/core';
import type { Database, ExecutorResult } from '@convergekit/postgres';
import { ownSession, type OwnSession } from '@convergekit/postgres/engine';
import { brokerErrorFrom, timedOut } from './errors.ts';

export interface SessionOptions {
  readonly database: Pick<Database, 'acquire'>;
  readonly clock: Clock;
  /** The time after which an unanswered request fails and its connection is closed, in milliseconds. */
  readonly requestTimeoutMs: number;
}

type Client = Awaited<ReturnType<Database['acquire']>>;

interface Opened {
  readonly client: Client;
  readonly own: OwnSession;
}

/**
 * A connection for the requests of one client, opened at the first request and again after a failure. Statements run in
 * the order in which they are asked. It retries nothing.
 */
export class LogSession {
  readonly #options: SessionOptions;
  #opened: Promise<Opened> | undefined;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Runs one statement, in `timeoutMs` or the session's time. Rejects with a BrokerError. */
  query<R>(
    doing: string,
    text: string,
    values: readonly unknown[],
    timeoutMs?: number,
  ): Promise<ExecutorResult<R>> {
    return this.#request(doing, ({ own }) => own.query<R>(text, values), timeoutMs);
  }

  /**
   * Listens until the connection ends, which aborts the signal that it returns. Undefined behind a pooler: its sessions
   * are shared.
   */
  listen(channel: string, heard: (payload: string) => void): Promise<AbortSignal | undefined> {
    return this.#request('listening', async ({ client, own }) => {
      const ended = new AbortController();
      client.once('end', () => ended.abort());
      return (await own.listen(channel, heard)) ? ended.signal : undefined;
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#opened !== undefined) this.#drop(this.#opened);
  }

  async #request<T>(
    doing: string,
    run: (opened: Opened) => Promise<T>,
    timeoutMs = this.#options.requestTimeoutMs,
  ): Promise<T> {
    const { clock } = this.#options;
    const over = new AbortController();
    const opening = this.#open();
    let sent = false;
    const late = clock.sleep(timeoutMs, over.signal).then(() => {
      if (!over.signal.aborted) throw timedOut(doing, timeoutMs, sent);
      return new Promise<never>(() => undefined);
    });
    late.catch(() => undefined);
    try {
      const opened = await Promise.race([opening, late]);
      sent = true;
      return await Promise.race([run(opened), late]);
    } catch (error) {
      // An error with a severity is an answer of the server; another one leaves the connection in an unknown state.
      if (!(error instanceof Error && 'severity' in error)) this.#drop(opening);
      throw brokerErrorFrom(error, { doing, sent });
    } finally {
      over.abort('over');
    }
  }

  #open(): Promise<Opened> {
    if (this.#closed) return Promise.reject(new Error('the session is closed'));
    if (this.#opened !== undefined) return this.#opened;
    const opening = this.#connect();
    this.#opened = opening;
    opening.then(
      // A connection that dies while it is idle is not used again.
      ({ client }) => client.once('end', () => this.#drop(opening)),
      () => this.#forget(opening),
    );
    return opening;
  }

  async #connect(): Promise<Opened> {
    const client = await this.#options.database.acquire();
    try {
      return { client, own: await ownSession(client) };
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** Closes the connection, now or as soon as it is open. The server rolls back what was not committed. */
  #drop(opening: Promise<Opened>): void {
    if (!this.#forget(opening)) return;
    opening.then(
      ({ client }) => client.release(true),
      () => undefined,
    );
  }

  #forget(opening: Promise<Opened>): boolean {
    if (this.#opened !== opening) return false;
    this.#opened = undefined;
    return true;
  }
}
