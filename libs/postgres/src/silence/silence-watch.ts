import type { Pool, PoolClient } from 'pg';
import { knownOf } from '../submit-client.ts';
import { readSessionStates, sessionName } from './session-states-sql.ts';
import { isLost, silentSince, type Waiting } from './silence.ts';

/** Properties of pg that its types omit. */
interface Internals {
  /** False while an answer is awaited. */
  readonly readyForQuery?: boolean;
  readonly connection: { readonly stream: Stream };
}

interface Stream {
  readonly bytesRead: number;
  isPaused(): boolean;
  destroy(error: Error): void;
}

interface Suspect extends Waiting {
  readonly pid: number;
}

/** The time that the server has to say what its sessions do, in milliseconds. */
const ANSWER_MS = 5_000;

type Suspects = ReadonlyMap<PoolClient, Suspect>;

/**
 * Closes the connections of a pool whose answer the network has lost: TCP alone needs 15 minutes to notice that, and
 * what waits for the answer holds a connection and its work until then.
 * A connection that awaits an answer and receives nothing is looked up on the server, by a connection of its own. Only
 * one whose session has ended, or is idle, in two looks in a row is closed: a long statement is not, nor a COPY whose
 * reader is slow. Sessions behind a pooler are not known, and not watched.
 */
export class SilenceWatch {
  readonly #pool: Pool;
  readonly #everyMs: number;
  readonly #clients = new Set<PoolClient>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #before: Suspects = new Map();
  #found: Suspects = new Map();

  /** `everyMs`: milliseconds between two looks; 0 = never. */
  constructor(pool: Pool, everyMs: number) {
    this.#pool = pool;
    this.#everyMs = everyMs;
    if (everyMs === 0) return;
    pool.on('connect', (client) => this.#add(client));
    pool.on('remove', (client) => this.#remove(client));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clients.clear();
  }

  #add(client: PoolClient): void {
    this.#clients.add(client);
    this.#timer ??= setInterval(() => void this.#look(), this.#everyMs).unref();
  }

  #remove(client: PoolClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.close();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    const now = this.#waiting();
    const silent = silentSince(this.#before, now) as Suspects;
    this.#before = now;
    if (silent.size === 0) return void (this.#found = new Map());
    this.#looking = true;
    try {
      const pids = [...silent.values()].map(({ pid }) => pid);
      const view = await readSessionStates(this.#pool, pids, ANSWER_MS);
      const lost: Suspects = new Map([...silent].filter(([, { session }]) => isLost(view, session)));
      for (const client of silentSince(this.#found, lost).keys())
        if (this.#waiting().get(client)?.bytesRead === lost.get(client)?.bytesRead) cut(client);
      this.#found = lost;
    } catch {
      // The server does not answer: an outage, which ends the connections by itself or passes.
    } finally {
      this.#looking = false;
    }
  }

  /** The connections that await an answer, where the session is known. */
  #waiting(): Suspects {
    const waiting = new Map<PoolClient, Suspect>();
    for (const client of this.#clients) {
      const { readyForQuery, connection } = client as unknown as Internals;
      const session = readyForQuery === false ? knownOf(client).known() : undefined;
      if (session === undefined) continue;
      const { bytesRead } = connection.stream;
      // A COPY whose reader is slow: its bytes are here, and are not read.
      if (connection.stream.isPaused()) continue;
      waiting.set(client, { session: sessionName(session), pid: session.pid, bytesRead });
    }
    return waiting;
  }
}

function cut(client: PoolClient): void {
  const message =
    'the network lost a request to Postgres or its answer: the server waits for the client, and the client for the server';
  const { connection } = client as unknown as Internals;
  connection.stream.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
}
