import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BrokerError } from '@convergekit/broker/engine';
import type { LoginToken, TokenProvider } from './wire/connection.ts';

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
      `the token module ${file} (CONVERGE__KAFKA__SASL__TOKEN_MODULE) cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}. Correct the path, relative to the working directory, or the module`,
      cause,
    );
  }
  if (typeof module.token === 'function') return module.token as () => Promise<LoginToken>;
  throw unusable(
    `the token module ${file} (CONVERGE__KAFKA__SASL__TOKEN_MODULE) does not export a function \`token\`: export async function token() { return { value }; }`,
  );
}

function unusable(why: string, cause?: unknown): BrokerError {
  return new BrokerError(`${why}.`, {
    code: 'TOKEN_MODULE_INVALID',
    kind: 'configuration',
    certainty: 'not_applied',
    cause,
  });
}
