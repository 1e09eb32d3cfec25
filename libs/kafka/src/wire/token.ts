import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BrokerError } from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import { ConnectionError, type LoginToken, type TokenProvider } from './connection.ts';

/** Asks the provider for a token. Rejects with a BrokerError: TOKEN_UNAVAILABLE, or the provider's own. */
export async function tokenOf(provider: TokenProvider): Promise<LoginToken> {
  let token: LoginToken;
  try {
    token = await provider();
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw unavailable(messageOf(error), error);
  }
  // The value is typed, but the provider is the user's code, perhaps in JavaScript.
  if (typeof (token as LoginToken | undefined)?.value === 'string' && token.value !== '') return token;
  throw unavailable('it returned no `value`, the text of the token');
}

function unavailable(why: string, cause?: unknown): BrokerError {
  const text = `no login at Kafka: the token provider failed: ${why}`;
  return new BrokerError(text, { code: 'TOKEN_UNAVAILABLE', kind: 'retry', cause });
}

/** The error of a token that the broker refused, which is no error of the protocol, but a text (RFC 7628). */
export function refusedToken(text: string): ConnectionError {
  return new ConnectionError('credentials', `the token was refused: ${text}`);
}

/** Creates a provider from the export `token` of a module, which is loaded at the first login. */
export function tokenModuleProvider(path: string): TokenProvider {
  let loading: Promise<TokenProvider> | undefined;
  return async () => (await (loading ??= load(path)))();
}

async function load(path: string): Promise<TokenProvider> {
  const file = resolve(path);
  let module: { readonly token?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { readonly token?: unknown };
  } catch (cause) {
    throw unusable(
      `the token module ${file} (CONVERGE__KAFKA__SASL__TOKEN_MODULE) cannot be loaded: ${messageOf(cause)}. Correct the path, relative to the working directory, or the module`,
      cause,
    );
  }
  if (typeof module.token === 'function') return module.token as () => Promise<LoginToken>;
  throw unusable(
    `the token module ${file} (CONVERGE__KAFKA__SASL__TOKEN_MODULE) does not export a function \`token\`: export async function token() { return { value }; }`,
  );
}

function unusable(why: string, cause?: unknown): BrokerError {
  return new BrokerError(`${why}.`, { code: 'TOKEN_MODULE_INVALID', kind: 'configuration', cause });
}
