import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface FaultProxyOptions {
  /** `host:port` of the server behind. */
  readonly target: string;
}

/** A TCP proxy on 127.0.0.1 between a client and its server, with the faults of a network. */
export interface FaultProxy {
  /** The port of 127.0.0.1 to which clients connect. */
  readonly port: number;
  /** The address of the proxy, `127.0.0.1:port`. */
  readonly address: string;
  /** Breaks every connection with a reset and refuses new ones, until `restore`. */
  cut(): void;
  /** Bytes stop in both directions, connections stay open: a hung peer. Until `restore`. */
  stall(): void;
  /**
   * Loses every byte, and the end, of the connections that are open now; neither side learns of it. New connections work,
   * and `restore` brings none back: a firewall that forgot them, a host that vanished.
   */
  silence(): void;
  /**
   * Loses the server's answers while requests still reach the server: the client cannot know the outcome. Lasts until
   * `restore`.
   */
  dropReplies(): void;
  /** Delays every byte by `ms` milliseconds, in both directions, in order. Lasts until `restore`. */
  delay(ms: number): void;
  /**
   * Ends the faults. Stalled bytes flow on; a connection that lost an answer is broken, since its stream has a hole.
   */
  restore(): void;
  /** Cuts all connections and frees the port. */
  close(): Promise<void>;
}

type Mode = 'open' | 'cut' | 'stalled' | 'dropping';

/**
 * Starts a TCP proxy before a server, with the faults of a network. A test moves its client to `address`.
 * @example
 * ```ts
 * import { faultProxy } from '@convergekit/testing';
 * import { connect } from 'convergekit/postgres';
 *
 * const proxy = await faultProxy({ target: 'localhost:5432' });
 * const database = connect({ url: `postgres://${proxy.address}/shop` });
 * proxy.cut(); // also `stall`, `dropReplies`, `delay(ms)`; `restore` ends them
 * await database.ping().catch(() => console.log('the database is gone'));
 * await proxy.close();
 * ```
 */
export async function faultProxy({ target }: FaultProxyOptions): Promise<FaultProxy> {
  const upstream = parseAddress(target);
  const links = new Set<Link>();
  let mode: Mode = 'open';
  let delayMs = 0;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (mode === 'cut') return void client.resetAndDestroy();
    const link = new Link(client, connect(upstream), () => links.delete(link));
    links.add(link);
    link.enter(mode, delayMs);
  });
  const enter = (next: Mode, ms = 0): void => {
    mode = next;
    delayMs = ms;
    for (const link of [...links]) link.enter(next, ms);
  };
  const port = await listen(server);
  return {
    port,
    address: `127.0.0.1:${port}`,
    cut: () => enter('cut'),
    stall: () => enter('stalled'),
    silence: () => {
      for (const link of links) link.silence();
    },
    dropReplies: () => enter('dropping'),
    delay: (ms) => enter('open', ms),
    restore: () => enter('open'),
    async close() {
      enter('cut');
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client's connection and its counterpart to the server. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #up: Lag;
  readonly #down: Lag;
  #mode: Mode = 'open';
  #lostBytes = false;
  #isSilent = false;

  constructor(client: Socket, server: Socket, onClosed: () => void) {
    this.#client = client;
    this.#server = server;
    this.#up = new Lag(server);
    this.#down = new Lag(client);
    client.on('data', (chunk) => this.#up.pass(chunk));
    server.on('data', (chunk) => {
      if (this.#mode === 'dropping') this.#lostBytes = true;
      else this.#down.pass(chunk);
    });
    for (const [from, to, lag] of [
      [client, server, this.#up],
      [server, client, this.#down],
    ] as const) {
      from.on('end', () => lag.pass(undefined));
      from.on('error', () => this.#isSilent || to.resetAndDestroy());
      from.on('close', () => {
        if (this.#isSilent && !to.destroyed) return;
        // A connection that ended in order still has its last bytes on their way.
        if (lag.isHolding) lag.pass(undefined);
        else to.destroy();
        onClosed();
      });
    }
  }

  silence(): void {
    this.enter('stalled', 0);
    this.#isSilent = true;
  }

  enter(mode: Mode, delayMs: number): void {
    if (this.#isSilent && mode !== 'cut') return;
    this.#isSilent = false;
    this.#mode = mode;
    this.#up.delayMs = delayMs;
    this.#down.delayMs = delayMs;
    if (mode === 'cut' || (this.#lostBytes && mode === 'open')) {
      this.#client.resetAndDestroy();
      this.#server.resetAndDestroy();
      return;
    }
    for (const socket of [this.#client, this.#server]) {
      if (mode === 'stalled') socket.pause();
      else socket.resume();
    }
  }
}

/** One direction of a link: chunks leave in order, each after the delay of its arrival. */
class Lag {
  delayMs = 0;
  readonly #to: Socket;
  readonly #held: { readonly chunk: Buffer | undefined; readonly due: number }[] = [];

  constructor(to: Socket) {
    this.#to = to;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** `undefined` is the end of the stream. */
  pass(chunk: Buffer | undefined): void {
    if (this.delayMs === 0 && !this.isHolding) return this.#write(chunk);
    this.#held.push({ chunk, due: performance.now() + this.delayMs });
    if (this.#held.length === 1) setTimeout(() => this.#release(), this.delayMs);
  }

  #release(): void {
    const now = performance.now();
    // A timer may fire a little early: one millisecond more or less is no matter.
    while (this.#held[0] !== undefined && this.#held[0].due <= now + 1)
      this.#write(this.#held.shift()?.chunk);
    const next = this.#held[0];
    if (next !== undefined) setTimeout(() => this.#release(), next.due - now);
  }

  #write(chunk: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (chunk === undefined) this.#to.end();
    else this.#to.write(chunk);
  }
}

function parseAddress(target: string): { host: string; port: number } {
  const at = target.lastIndexOf(':');
  return { host: target.slice(0, at), port: Number(target.slice(at + 1)) };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  return address.port;
}
