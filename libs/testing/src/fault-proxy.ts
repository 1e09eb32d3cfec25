import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface FaultProxyOptions {
  /** `host:port` of the server behind. */
  readonly target: string;
}

/** A TCP proxy on 127.0.0.1 between a client and its server, with the faults of a network. */
export interface FaultProxy {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Breaks every connection with a reset and refuses new ones, until `restore`. */
  cut(): void;
  /** Bytes stop in both directions, connections stay open: a hung peer. Until `restore`. */
  stall(): void;
  /** Requests reach the server, its answers are lost: the client cannot know. Until `restore`. */
  dropReplies(): void;
  /** Back to normal. What was stalled flows; a connection that lost an answer is broken, since its stream has a hole. */
  restore(): void;
  close(): Promise<void>;
}

type Mode = 'open' | 'cut' | 'stalled' | 'dropping';

export async function faultProxy({ target }: FaultProxyOptions): Promise<FaultProxy> {
  const upstream = parseAddress(target);
  const links = new Set<Link>();
  let mode: Mode = 'open';
  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (mode === 'cut') return void client.resetAndDestroy();
    const link = new Link(client, connect(upstream), () => links.delete(link));
    links.add(link);
    link.enter(mode);
  });
  const enter = (next: Mode): void => {
    mode = next;
    for (const link of [...links]) link.enter(next);
  };
  const port = await listen(server);
  return {
    port,
    address: `127.0.0.1:${port}`,
    cut: () => enter('cut'),
    stall: () => enter('stalled'),
    dropReplies: () => enter('dropping'),
    restore: () => enter('open'),
    async close() {
      enter('cut');
      server.close();
      await once(server, 'close');
    },
  };
}

/** One client's connection and its counterpart to the server. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  #mode: Mode = 'open';
  #lostBytes = false;

  constructor(client: Socket, server: Socket, onClosed: () => void) {
    this.#client = client;
    this.#server = server;
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => {
      if (this.#mode === 'dropping') this.#lostBytes = true;
      else client.write(chunk);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('end', () => to.end());
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => {
        to.destroy();
        onClosed();
      });
    }
  }

  enter(mode: Mode): void {
    this.#mode = mode;
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
