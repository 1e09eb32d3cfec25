import type { ConnectionOptions as TlsOptions } from 'node:tls';

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly name: string;
  /** The body in pieces, so that record batches are not copied again. */
  readonly body: readonly Buffer[];
  /** Flexible versions end the request header with (empty) tagged fields. */
  readonly flexible?: boolean;
  /** @default the link's */
  readonly timeoutMs?: number;
  /** It changes something: when its answer is lost, nobody knows whether it did. */
  readonly writes?: true;
}

/** A request and how its answer is read; `doing` begins the message of a refusal. */
export interface Exchange<T> extends Request {
  readonly read: (payload: Buffer, doing: string) => T;
}

/** The versions that a broker speaks, by API key. */
export type ApiVersions = ReadonlyMap<number, { readonly min: number; readonly max: number }>;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Aborted: the connection ends at once, also while it is being made, and requests in flight fail. */
  readonly signal: AbortSignal;
  /** The connection is gone, whoever ended it. */
  readonly onLost: () => void;
}

/** One connection, logged in. Requests leave in the order of the calls; any number may be in flight. */
export interface Connection {
  readonly versions: ApiVersions;
  /**
   * Resolves with the answer behind its correlation id (a flexible answer's header tags are still in front), rejects
   * with a ConnectionError. `onWritten` is called when bytes may have left. Time limits are the caller's business.
   */
  send(request: Request, onWritten: () => void): Promise<Buffer>;
}

/** All that a driver is: TCP, TLS, SASL, version negotiation and correlation. Everything above is written once. */
export interface ConnectionLayer {
  /** Rejects with a ConnectionError. */
  connect(target: Target): Promise<Connection>;
}

/** What every driver's connections are made with. */
export interface ConnectionOptions {
  readonly clientId: string;
  readonly ssl: TlsOptions | null;
  readonly sasl: SaslOptions | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export type ConnectionTrouble = 'lost' | 'timeout' | 'credentials' | 'tls' | 'too_old';

/** A connection's failure, named the same way whichever client had it. */
export class ConnectionError extends Error {
  readonly trouble: ConnectionTrouble;

  constructor(trouble: ConnectionTrouble, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ConnectionError';
    this.trouble = trouble;
  }
}

/** From a code of Node's, or else the words of OpenSSL. */
export function isTlsTrouble(code: unknown, message: string): boolean {
  return (
    (typeof code === 'string' &&
      /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code)) ||
    /certificate|wrong version number|ssl routines/i.test(message)
  );
}
