import { ByteReader, MalformedBytes } from '@convergekit/broker/engine';
import { type Clock, systemClock } from '@convergekit/core';
import { ByteWriter } from './byte-writer.ts';
import { type Connection, ConnectionError, type ConnectionLayer, type SaslOptions } from './connection.ts';
import { OK } from './error-codes.ts';
import { protocolError } from './errors.ts';
import { scram } from './scram.ts';
import { refusedToken, tokenOf } from './token.ts';

const HANDSHAKE = { apiKey: 17, apiVersion: 1, name: 'SaslHandshake' } as const;
const AUTHENTICATE = { apiKey: 36, apiVersion: 1, name: 'SaslAuthenticate' } as const;
/** Unsupported mechanism, illegal state, failed authentication. */
const REFUSALS: readonly number[] = [33, 34, 58];
/** A broker refuses one login within a second of another. */
const LEAST_MS = 1_100;
/** The part of a session after which it is renewed. */
const RENEWED_AT = 0.8;

export interface LoginOptions {
  readonly sasl: SaslOptions | null;
  /** The time for the answer to each request of a login, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** Makes what a login needs of another system: the first message of a login by token. */
async function firstOf(sasl: SaslOptions, requestTimeoutMs: number): Promise<string> {
  if (sasl.mechanism === 'plain') return `\0${sasl.username}\0${sasl.password}`;
  if (sasl.mechanism !== 'oauthbearer') return '';
  const { value, extensions = {} } = await inTime(
    tokenOf(sasl.token),
    'the token provider',
    requestTimeoutMs,
  );
  const pairs = Object.entries(extensions).map(([name, text]) => `\u0001${name}=${text}`);
  return `n,,\u0001auth=Bearer ${value}${pairs.join('')}\u0001\u0001`;
}

/** Logs in over an open connection. Resolves with the time for which that counts, in milliseconds. */
async function logIn(
  connection: Connection,
  { sasl, requestTimeoutMs }: LoginOptions & { readonly sasl: SaslOptions },
  first: string,
): Promise<number> {
  let sessionMs = Infinity;
  const ask = async (request: typeof HANDSHAKE | typeof AUTHENTICATE, body: ByteWriter) => {
    requireVersion(connection, request);
    const answer = connection.send({ ...request, body: [body.finish()] }, () => undefined);
    return new ByteReader(await inTime(answer, request.name, requestTimeoutMs));
  };
  const send = async (sent: string): Promise<string> => {
    const text = Buffer.from(sent);
    const reader = await ask(AUTHENTICATE, new ByteWriter().int32(text.length).raw(text));
    requireOk(reader.int16(), reader.nullableString() ?? 'no reason given');
    const answer = reader.bytes(reader.int32()).toString();
    const ms = Number(reader.int64());
    sessionMs = ms > 0 ? ms : Infinity;
    return answer;
  };
  const mechanism = sasl.mechanism.toUpperCase();
  try {
    const offer = await ask(HANDSHAKE, new ByteWriter().string(mechanism));
    const errorCode = offer.int16();
    requireOk(errorCode, `it offers ${offer.array(() => offer.string()).join(', ')}, and not ${mechanism}`);
    if (sasl.mechanism === 'plain') await send(first);
    else if (sasl.mechanism !== 'oauthbearer') await scram(sasl, send);
    else {
      // The answer to a refused token is no error of the protocol, but a text with the reason (RFC 7628).
      const refusal = await send(first);
      if (refusal !== '') throw refusedToken(refusal);
    }
    return sessionMs;
  } catch (error) {
    throw error instanceof MalformedBytes ? new ConnectionError('frame', error.message, error) : error;
  }
}

/**
 * Returns a layer whose connections are logged in, and again before a broker requires it: it accepts no other request meanwhile.
 * Callers go on in their order. A token provider that fails then is asked again while the session lasts. The login is here and not the client library's: one for both, within limits of time, rounds and
 * bytes that a broker cannot raise.
 */
export function withLogin(
  layer: ConnectionLayer,
  { sasl, requestTimeoutMs }: LoginOptions,
  clock: Pick<Clock, 'monotonic'> = systemClock,
): ConnectionLayer {
  if (sasl === null) return layer;
  return {
    connect: async (target) => {
      const ended = new AbortController();
      const signal = AbortSignal.any([target.signal, ended.signal]);
      const connection = await layer.connect({ ...target, signal });
      let renewAt = 0;
      let endsAt = 0;
      let renewal: Promise<void> | undefined;
      const renew = async (): Promise<void> => {
        let first: string | undefined;
        try {
          first = await firstOf(sasl, requestTimeoutMs);
          const sessionMs = await logIn(connection, { sasl, requestTimeoutMs }, first);
          const now = clock.monotonic();
          renewAt = now + Math.max(sessionMs * RENEWED_AT, LEAST_MS);
          endsAt = now + sessionMs;
        } catch (error) {
          const now = clock.monotonic();
          const pauseMs = (endsAt - now) / 2;
          // Nothing was sent yet, and the session lasts.
          if (first === undefined && pauseMs >= LEAST_MS) {
            renewAt = now + pauseMs;
            return;
          }
          ended.abort();
          throw error;
        }
      };
      await renew();
      return {
        versions: connection.versions,
        send: async (request, onWritten) => {
          while (renewal !== undefined || clock.monotonic() >= renewAt)
            try {
              await (renewal ??= renew());
            } finally {
              renewal = undefined;
            }
          return connection.send(request, onWritten);
        },
      };
    },
  };
}

function requireVersion(
  { versions }: Connection,
  { apiKey, apiVersion, name }: typeof HANDSHAKE | typeof AUTHENTICATE,
) {
  const { min = 1, max = 0 } = versions.get(apiKey) ?? {};
  if (apiVersion < min || apiVersion > max)
    throw new ConnectionError('too_old', `it does not know version ${apiVersion} of ${name}`);
}

function requireOk(errorCode: number, why: string): void {
  if (errorCode === OK) return;
  if (REFUSALS.includes(errorCode)) throw new ConnectionError('credentials', why);
  throw protocolError(errorCode, { doing: 'logging in', said: why });
}

async function inTime<T>(answer: Promise<T>, name: string, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionError('timeout', `${name}: ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
