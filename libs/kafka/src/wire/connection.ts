import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { tlsFailure } from '@convergekit/core/engine';

/** A login by user and password. */
export interface PasswordLogin {
  /** The SASL mechanism that the brokers have for the user. `plain` needs TLS. */
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  /** The user. */
  readonly username: string;
  /** The password. Take it from a secret, not from code. */
  readonly password: string;
}

/** A login by OAuth 2 bearer tokens. */
export interface TokenLogin {
  /** The SASL mechanism of tokens. It needs TLS. */
  readonly mechanism: 'oauthbearer';
  /** Returns a token for each new connection, and when a broker requires the login again. */
  readonly token: TokenProvider;
}

export interface LoginToken {
  /** The token as the brokers expect it, such as a JWT. */
  readonly value: string;
  /** SASL extensions, as some providers require: `{ logicalCluster: 'lkc-…' }`. @default none */
  readonly extensions?: Readonly<Record<string, string>>;
}

/**
 * Returns a valid token: at each new connection, and when the broker requires the login again. Keep a token while it is
 * valid. A rejection counts as an outage (TOKEN_UNAVAILABLE), and so does no answer
 * within `requestTimeoutMs` (TIMEOUT): the caller connects again later.
 */
export type TokenProvider = () => Promise<LoginToken>;

export type SaslOptions = PasswordLogin | TokenLogin;

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
  /** True when the request changes state: if the answer is lost, the outcome is unknown. */
  readonly writes?: true;
}

/** A request and the reader of its answer; `doing` begins the message of a refusal. */
export interface Exchange<T> extends Request {
  readonly read: (payload: Buffer, doing: string) => T;
}

/** The versions that a broker speaks, by API key. */
export type ApiVersions = ReadonlyMap<number, { readonly min: number; readonly max: number }>;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Aborting ends the connection at once, also while it is opened; requests in flight fail. */
  readonly signal: AbortSignal;
  /** Called when the connection has ended, on either side. */
  readonly onLost: () => void;
}

/** An open connection. Requests leave in the order of the calls; any number may be in flight. */
export interface Connection {
  readonly versions: ApiVersions;
  /**
   * Resolves with the answer to the request, rejects with a ConnectionError. The answer starts behind the correlation
   * id; a flexible answer's header tags are still in front. `onWritten` is called when bytes may have left. Time limits
   * are the caller's task.
   */
  send(request: Request, onWritten: () => void): Promise<Buffer>;
}

/** A driver: TCP, TLS, version negotiation and correlation. Everything above is shared. */
export interface ConnectionLayer {
  /** Rejects with a ConnectionError. */
  connect(target: Target): Promise<Connection>;
}

/** The options of every driver's connections. */
export interface ConnectionOptions {
  readonly clientId: string;
  readonly ssl: TlsOptions | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** The largest delay of a timer, in milliseconds: a link has its own time limits. */
export const NEVER_MS = 2_147_483_647;

/** `frame`: bytes that are no answer of Kafka. */
export type ConnectionFailure = 'lost' | 'timeout' | 'credentials' | 'tls' | 'too_old' | 'frame';

/** The most characters of a text of a broker that are kept: it goes into logs and alarms. */
const SAID_CHARACTERS = 500;

/** Returns the part of a text of a broker that is kept. */
export function kept(said: string): string {
  const rest = said.length - SAID_CHARACTERS;
  return rest > 0 ? `${said.slice(0, SAID_CHARACTERS)}… (and ${rest} characters)` : said;
}

/** A failure of a connection, with the same names for every client library. A broker may have said why, at any length. */
export class ConnectionError extends Error {
  readonly failure: ConnectionFailure;

  constructor(failure: ConnectionFailure, message: string, cause?: unknown) {
    super(kept(message), { cause });
    this.name = 'ConnectionError';
    this.failure = failure;
  }
}

/** A client without TLS at a listener that has it. */
export const REQUIRES_TLS = 'the broker requires TLS. Set CONVERGE__KAFKA__SSL=true';

/** Returns the error of a TLS connection that could not be made, with the setting to change; undefined for any other. */
export function tlsErrorOf(
  error: Error & { readonly code?: unknown },
  cause = error,
): ConnectionError | undefined {
  const failure = tlsFailure(error.code, error.message, {
    server: 'Kafka',
    ca: 'CONVERGE__KAFKA__TLS__CA_FILE',
    certificate: 'CONVERGE__KAFKA__TLS__CERTIFICATE_FILE and CONVERGE__KAFKA__TLS__PRIVATE_KEY_FILE',
  });
  return failure && new ConnectionError('tls', failure.text, cause);
}
