import type { TokenProvider } from '../../wire/connection.ts';
import { refusedToken, tokenOf } from '../../wire/token.ts';

/** One exchange of a login, as kafkajs makes it. Texts begin with their length in four bytes, in both directions. */
export type SaslAuthenticate = (exchange: {
  readonly request: { encode(): Promise<Buffer> };
  readonly response: { decode(raw: Buffer): Promise<Buffer>; parse(text: Buffer): Promise<void> };
}) => Promise<unknown>;

/**
 * Logs in by a bearer token. The login of kafkajs itself ignores the answer to a refused token: it is no error of the
 * protocol, but a text with the reason (RFC 7628).
 */
export async function bearerLogin(
  provider: TokenProvider,
  saslAuthenticate: SaslAuthenticate,
): Promise<void> {
  const { value, extensions = {} } = await tokenOf(provider);
  const pairs = Object.entries(extensions).map(([name, text]) => `\u0001${name}=${text}`);
  const message = Buffer.from(`n,,\u0001auth=Bearer ${value}${pairs.join('')}\u0001\u0001`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(message.length);
  await saslAuthenticate({
    request: { encode: () => Promise.resolve(Buffer.concat([length, message])) },
    response: {
      decode: (raw) => Promise.resolve(raw.subarray(4)),
      parse: (text) => (text.length === 0 ? Promise.resolve() : Promise.reject(refusedToken(text))),
    },
  });
}
