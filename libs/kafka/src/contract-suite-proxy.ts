import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { LeaderAnswers, type Leadership } from './contract-suite-leader.ts';

/** Produce requests begin with length, then api key 0: enough to know that a write passes by. */
const API_KEY_AT = 4;

/** A TCP proxy that breaks connections on demand. */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  readonly #stalled = new WeakSet<Socket>();
  #server: Server | undefined;
  #port = 0;
  #loseNextAcknowledgement = false;
  #leadership: Leadership = { kind: 'renumbered', by: 0 };
  readonly #toldLeaders: (() => void)[] = [];

  constructor(target: string) {
    const [host = '', port = ''] = target.split(':');
    this.#target = { host, port: Number(port) };
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Takes connections; after `down` again at the same port. */
  async up(): Promise<void> {
    this.#server = createServer((client) => this.#pass(client));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stall(): void {
    for (const socket of this.#sockets) this.#stalled.add(socket);
  }

  async down(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, 'close');
    this.#server?.close();
    this.#server = undefined;
    this.cut();
    await closed;
  }

  /** The next write passes; the broker's answer does not, and the connection ends in its place. */
  loseNextAcknowledgement(): void {
    this.#loseNextAcknowledgement = true;
  }

  /** From now on answers about leaders say this. Resolves when a client has been given such an answer. */
  setLeadership(leadership: Leadership): Promise<void> {
    this.#leadership = leadership;
    return new Promise((resolve) => void this.#toldLeaders.push(resolve));
  }

  #pass(client: Socket): void {
    const broker = connect(this.#target);
    let losing = false;
    const leaders = new LeaderAnswers(
      () => this.#leadership,
      () => {
        for (const resolve of this.#toldLeaders.splice(0)) resolve();
      },
    );
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        broker.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      if (this.#loseNextAcknowledgement && bytes.length > 6 && bytes.readInt16BE(API_KEY_AT) === 0) {
        this.#loseNextAcknowledgement = false;
        losing = true;
      }
      leaders.requested(bytes);
      if (!this.#stalled.has(client)) broker.write(bytes);
    });
    broker.on('data', (bytes: Buffer) => {
      if (losing) client.destroy();
      else if (!this.#stalled.has(broker)) client.write(leaders.answered(bytes));
    });
  }
}
