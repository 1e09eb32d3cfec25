import { BrokerError, MalformedBytes } from '@convergekit/broker/engine';
import {
  type Connection,
  ConnectionError,
  type ConnectionLayer,
  type Exchange,
  type Request,
} from './connection.ts';
import { brokerErrorFrom } from './errors.ts';

/** The connection of a request. Fetches wait on the broker, so they have their own. */
export type Lane = 'requests' | 'fetches';

export interface LinkOptions {
  readonly layer: ConnectionLayer;
  readonly requestTimeoutMs: number;
}

/**
 * The connections to one broker. They are never reopened: when one of them is lost the whole link is dropped and
 * a new one is made, since a reopened connection races with the requests of the one before.
 */
export class BrokerLink {
  readonly address: string;
  readonly #host: string;
  readonly #port: number;
  readonly #options: LinkOptions;
  readonly #lanes = new Map<Lane, Promise<Connection>>();
  readonly #ended = new AbortController();
  #opened = false;

  constructor(host: string, port: number, options: LinkOptions) {
    this.#host = host;
    this.#port = port;
    this.#options = options;
    this.address = `${host}:${port}`;
  }

  /** False after the loss of one of the link's connections. */
  get usable(): boolean {
    return !this.#ended.signal.aborted;
  }

  /** True from the first connection to the loss of one. */
  get connected(): boolean {
    return this.#opened && this.usable;
  }

  async open(): Promise<void> {
    await this.#lane('requests');
    this.#opened = true;
  }

  async call<T>(doing: string, exchange: Exchange<T>): Promise<T> {
    const payload = await this.send(exchange, 'requests', doing);
    return this.read(doing, () => exchange.read(payload, doing), exchange.writes);
  }

  /** Reads an answer. One that cannot be read ends the link: what follows on its connections is worth no more. */
  async read<T>(doing: string, read: () => T | Promise<T>, written = false): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw brokerErrorFrom(error, { doing });
      this.destroy();
      throw new BrokerError(`${doing} failed: the broker sent no answer of Kafka: ${error.message}`, {
        code: 'BROKER_FRAME_INVALID',
        kind: 'retry',
        certainty: written ? 'unknown' : 'not_applied',
        cause: error,
      });
    }
  }

  /** Sends a request; resolves with the response's body. */
  async send(
    request: Request,
    lane: Lane = 'requests',
    doing = `${request.name} request to ${this.address}`,
  ): Promise<Buffer> {
    const connection = await this.#lane(lane);
    const sent = { written: false };
    try {
      this.#checkVersion(request, connection);
      if (!this.usable) throw this.lostError();
      return await this.#inTime(
        request,
        connection.send(request, () => (sent.written = true)),
      );
    } catch (error) {
      throw brokerErrorFrom(error, { doing, written: sent.written && request.writes === true });
    }
  }

  /** Ends the link at once; requests in flight fail. */
  destroy(): void {
    this.#ended.abort();
  }

  lostError(): ConnectionError {
    return new ConnectionError('lost', `connection to ${this.address} closed`);
  }

  #lane(lane: Lane): Promise<Connection> {
    const made = this.#lanes.get(lane) ?? this.#connect();
    this.#lanes.set(lane, made);
    return made;
  }

  async #connect(): Promise<Connection> {
    try {
      if (!this.usable) throw this.lostError();
      return await this.#options.layer.connect({
        host: this.#host,
        port: this.#port,
        signal: this.#ended.signal,
        onLost: () => this.destroy(),
      });
    } catch (error) {
      this.destroy();
      throw brokerErrorFrom(error, { doing: `connecting to ${this.address}` });
    }
  }

  /** Bounds the wait for an answer; a connection that swallowed one request is not used again. */
  async #inTime(request: Request, answer: Promise<Buffer>): Promise<Buffer> {
    const timeoutMs = request.timeoutMs ?? this.#options.requestTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new ConnectionError('timeout', `${request.name}: ${timeoutMs} ms`));
        this.destroy();
      }, timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #checkVersion({ apiKey, apiVersion, name }: Request, { versions }: Connection): void {
    const range = versions.get(apiKey);
    if (range !== undefined && apiVersion >= range.min && apiVersion <= range.max) return;
    const speaks = range === undefined ? 'does not know it' : `speaks ${range.min} to ${range.max}`;
    throw new BrokerError(
      `${this.address} ${speaks}: version ${apiVersion} of ${name} is needed; Kafka 3.1 to 4.x have it`,
      { code: 'BROKER_TOO_OLD', kind: 'configuration' },
    );
  }
}
