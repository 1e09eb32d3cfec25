import { isIP, type Socket } from 'node:net';
import type * as Platformatic from '@platformatic/kafka';
import { BrokerError, ByteReader } from '@convergekit/broker/engine';
import {
  type ApiVersions,
  type Connection,
  ConnectionError,
  type ConnectionLayer,
  type ConnectionOptions,
  NEVER_MS,
  REQUIRES_TLS,
  type Request,
  type Target,
  tlsErrorOf,
} from '../../wire/connection.ts';
import { guardFrames } from '../../wire/frame-guard.ts';

type PlatformaticConnection = InstanceType<typeof Platformatic.Connection>;

const API_VERSIONS: Request = { apiKey: 18, apiVersion: 0, name: 'ApiVersions', body: [] };

/**
 * The connections of @platformatic/kafka 2.12.1, which this driver uses. The exported but undocumented `Connection`
 * (TLS, request queue, correlation) lies below the library's producer, consumer and metadata. The library is
 * pinned to one version.
 */
export class PlatformaticConnections implements ConnectionLayer {
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  async connect(target: Target): Promise<Connection> {
    const { host, port, signal, onLost } = target;
    const client = await import('@platformatic/kafka');
    if (signal.aborted) throw new ConnectionError('lost', `connection to ${host}:${port} closed`);
    const connection = new client.Connection(this.#options.clientId, this.#settings(host));
    const end = (): void => void (connection.socket as Socket | undefined)?.destroy();
    signal.addEventListener('abort', end, { once: true });
    const gone = (): void => {
      signal.removeEventListener('abort', end);
      onLost();
    };
    // Requests in flight fail by themselves; without a listener the event would end the process.
    let failure: unknown;
    // What ended the connection is known to the error of its socket alone: a request learns that it was closed.
    const reasonOf = (error: unknown): unknown => {
      const reason = connectionErrorFrom(failure);
      const isKnown = reason instanceof ConnectionError && reason.failure !== 'lost';
      return isKnown ? reason : connectionErrorFrom(error);
    };
    connection.on('error', (error: unknown) => {
      failure = error;
      gone();
    });
    connection.on('close', gone);
    try {
      const opened = connection.connect(host, port);
      guardFrames(connection.socket, (error) => void connection.socket.destroy(error));
      await opened;
      connection.socket.setKeepAlive(true, 60_000);
      const versions = versionsOf(await this.#ask(client, connection));
      return {
        versions,
        send: (request, onWritten) =>
          send(client, connection, request, onWritten).catch((error: unknown) => {
            throw reasonOf(error);
          }),
      };
    } catch (error) {
      end();
      throw reasonOf(error);
    }
  }

  #settings(host: string) {
    const { ssl, connectTimeoutMs } = this.#options;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    return {
      connectTimeout: connectTimeoutMs,
      requestTimeout: NEVER_MS,
      // The client's default of 5 would let a heartbeat wait behind commits.
      maxInflights: 1_000,
      ...(ssl === null ? {} : { tls: { ...servername, ...ssl } }),
    };
  }

  /** Requests the broker's API versions. A broker that accepts connections and stays silent fails after a limit. */
  async #ask(client: typeof Platformatic, connection: PlatformaticConnection): Promise<Buffer> {
    const { connectTimeoutMs } = this.#options;
    const late = setTimeout(() => {
      connection.socket.destroy(new Error(`no answer within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    try {
      return await send(client, connection, API_VERSIONS, () => undefined);
    } finally {
      clearTimeout(late);
    }
  }
}

async function send(
  { Writer }: typeof Platformatic,
  connection: PlatformaticConnection,
  { apiKey, apiVersion, body, flexible = false }: Request,
  onWritten: () => void,
): Promise<Buffer> {
  if (!connection.isConnected()) throw new ConnectionError('lost', 'the connection was closed');
  const payload = (): InstanceType<typeof Writer> => {
    onWritten();
    const writer = Writer.create();
    for (const part of body) writer.append(part);
    return writer;
  };
  try {
    return await new Promise((resolve, reject) => {
      const done = (error: Error | null, answer?: Buffer): void => {
        if (answer === undefined) reject(error ?? new Error('neither an answer nor an error'));
        else resolve(answer);
      };
      // The header tags are left to the reader of the answer, as with the other driver.
      connection.send(apiKey, apiVersion, payload, wholeAnswer, flexible, false, done);
    });
  } catch (error) {
    throw connectionErrorFrom(error);
  }
}

const wholeAnswer: Platformatic.ResponseParser<Buffer> = (_correlationId, _apiKey, _apiVersion, reader) =>
  reader.buffer.buffer;

function versionsOf(payload: Buffer): ApiVersions {
  const reader = new ByteReader(payload, 2);
  const ranges = reader.array(() => [reader.int16(), { min: reader.int16(), max: reader.int16() }] as const);
  return new Map(ranges);
}

/** Maps an error of platformatic to a ConnectionError: errors are nested, and the innermost is the most precise. */
export function connectionErrorFrom(error: unknown): unknown {
  if (error instanceof ConnectionError || !(error instanceof Error)) return error;
  const chain = chainOf(error);
  const own = chain.find((one) => one instanceof ConnectionError || one instanceof BrokerError);
  if (own !== undefined) return own;
  const has = (code: string): boolean => chain.some((one) => one.code === code);
  const message = chain.map((one) => one.message).join(' ');
  const [tls] = chain.flatMap((one) => tlsErrorOf(one, error) ?? []);
  if (tls !== undefined) return tls;
  if (/requires TLS/.test(message)) return new ConnectionError('tls', REQUIRES_TLS, error);
  if (has('PLT_KFK_UNSUPPORTED_API')) return new ConnectionError('too_old', message, error);
  if (has('PLT_KFK_NETWORK') || has('ECONNRESET')) return new ConnectionError('lost', message, error);
  return error;
}

type Link = Error & { readonly code?: unknown };

function chainOf(error: Error): readonly Link[] {
  const chain: Link[] = [];
  for (let one: unknown = error; one instanceof Error && chain.length < 8; one = one.cause) chain.push(one);
  return chain;
}
