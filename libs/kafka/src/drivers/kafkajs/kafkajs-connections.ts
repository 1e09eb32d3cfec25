import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { BrokerError, type Log } from '@convergekit/broker/engine';
import {
  type Connection,
  ConnectionError,
  type ConnectionLayer,
  type ConnectionOptions,
  NEVER_MS,
  type Request,
  type Target,
  tlsErrorOf,
} from '../../wire/connection.ts';
import { guardFrames } from '../../wire/frame-guard.ts';
import {
  BrokerClass,
  ConnectionPoolClass,
  createLogger,
  type KafkaJsConnection,
  type KafkaJsLogger,
  LEVELS,
} from './internals.ts';

export class KafkaJsConnections implements ConnectionLayer {
  readonly #options: ConnectionOptions;
  readonly #logger: KafkaJsLogger;

  constructor(options: ConnectionOptions, log: Log | undefined) {
    this.#options = options;
    this.#logger = loggerFor(log);
  }

  async connect(target: Target): Promise<Connection> {
    const pool = this.#pool(target);
    const broker = new BrokerClass({
      connectionPool: pool,
      logger: this.#logger,
      authenticationTimeout: 10_000,
      allowAutoTopicCreation: false,
    });
    try {
      await broker.connect();
      const connection = await pool.getConnection(0);
      const versions = Object.entries(broker.versions ?? {}).map(
        ([apiKey, { minVersion: min, maxVersion: max }]) => [Number(apiKey), { min, max }] as const,
      );
      return {
        versions: new Map(versions),
        send: (request, onWritten) => this.#send(connection, request, onWritten),
      };
    } catch (error) {
      throw connectionErrorFrom(error);
    }
  }

  async #send(connection: KafkaJsConnection, request: Request, onWritten: () => void): Promise<Buffer> {
    try {
      if (!connection.isConnected()) throw new ConnectionError('lost', 'the connection was closed');
      return await transmit(connection, request, this.#options.clientId, onWritten);
    } catch (error) {
      throw connectionErrorFrom(error);
    }
  }

  #pool({ host, port, signal, onLost }: Target) {
    const { clientId, ssl, connectTimeoutMs, requestTimeoutMs } = this.#options;
    const pool = new ConnectionPoolClass({
      host,
      port,
      ssl,
      sasl: null,
      clientId,
      socketFactory: (wanted) => {
        const socket = socketTo(wanted);
        const endWith = (error: ConnectionError): void => {
          for (const connection of pool.pool) {
            connection.rejectRequests(error);
            void connection.disconnect().catch(() => undefined);
          }
          socket.destroy();
        };
        const end = (): void => endWith(new ConnectionError('lost', `connection to ${host}:${port} closed`));
        guardFrames(socket, endWith);
        if (signal.aborted) end();
        signal.addEventListener('abort', end, { once: true });
        return socket.once('close', () => {
          signal.removeEventListener('abort', end);
          end();
          onLost();
        });
      },
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      maxInFlightRequests: null,
      logger: this.#logger,
      reauthenticationThreshold: 10_000,
    });
    return pool;
  }
}

function transmit(
  connection: KafkaJsConnection,
  request: Request,
  clientId: string,
  onWritten: () => void,
): Promise<Buffer> {
  const correlationId = connection.nextCorrelationId();
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const { apiKey, apiVersion, name: apiName } = request;
  connection.requestQueue.push({
    entry: { apiKey, apiName, apiVersion, correlationId, resolve: ({ payload }) => resolve(payload), reject },
    expectResponse: true,
    requestTimeout: NEVER_MS,
    sendRequest: () => {
      onWritten();
      connection.socket.cork();
      connection.socket.write(headerOf(request, clientId, correlationId));
      for (const part of request.body) connection.socket.write(part);
      connection.socket.uncork();
    },
  });
  return promise;
}

function headerOf({ apiKey, apiVersion, body, flexible }: Request, clientId: string, id: number): Buffer {
  const client = Buffer.from(clientId, 'utf8');
  const tags = flexible === true ? 1 : 0;
  const header = Buffer.alloc(14 + client.length + tags);
  header.writeInt32BE(header.length - 4 + body.reduce((sum, part) => sum + part.length, 0), 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt32BE(id, 8);
  header.writeInt16BE(client.length, 12);
  client.copy(header, 14);
  return header;
}

type SocketTarget = Parameters<ConstructorParameters<typeof ConnectionPoolClass>[0]['socketFactory']>[0];

function socketTo({ host, port, ssl, onConnect }: SocketTarget): Socket {
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket =
    ssl === null || ssl === undefined
      ? connectTcp({ host, port }, onConnect)
      : connectTls({ host, port, ...servername, ...ssl }, onConnect);
  // Small requests would wait for the acknowledgement of the previous one without `setNoDelay`.
  return socket.setNoDelay(true).setKeepAlive(true, 60_000);
}

/** Maps an error of kafkajs to a ConnectionError, by name: the internal modules do not export the classes. */
export function connectionErrorFrom(error: unknown): unknown {
  if (error instanceof ConnectionError || error instanceof BrokerError || !(error instanceof Error))
    return error;
  const { name, message } = error;
  const tls = tlsErrorOf(error);
  if (tls !== undefined) return tls;
  if (name === 'KafkaJSRequestTimeoutError' || name === 'KafkaJSLockTimeout' || name === 'KafkaJSTimeout')
    return new ConnectionError('timeout', message, error);
  if (name === 'KafkaJSConnectionError' || name === 'KafkaJSConnectionClosedError')
    return new ConnectionError('lost', message, error);
  if (name === 'KafkaJSServerDoesNotSupportApiKey') return new ConnectionError('too_old', message, error);
  return error;
}

/**
 * Passes messages of kafkajs on at the level trace. kafkajs writes to the console by default and reports every refusal as an
 * error, also expected ones; each of them reaches its caller as a BrokerError anyway.
 */
function loggerFor(log: Log | undefined): KafkaJsLogger {
  return createLogger({
    level: log === undefined ? LEVELS.NOTHING : LEVELS.WARN,
    logCreator: () => (entry) => {
      const { message, ...details } = entry.log;
      log?.('trace', String(message), details);
    },
  });
}
