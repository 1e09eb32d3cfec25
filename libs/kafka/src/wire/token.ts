import { BrokerError } from '@convergekit/broker/engine';
import type { LoginToken, TokenProvider } from './connection.ts';

/** Asks the provider for a token. Rejects with a BrokerError: TOKEN_UNAVAILABLE, or the provider's own. */
export async function tokenOf(provider: TokenProvider): Promise<LoginToken> {
  let token: LoginToken;
  try {
    token = await provider();
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
  // The value is typed, but the provider is the user's code, perhaps in JavaScript.
  if (typeof (token as LoginToken | undefined)?.value === 'string' && token.value !== '') return token;
  throw unavailable('it returned no `value`, the text of the token');
}

function unavailable(why: string, cause?: unknown): BrokerError {
  return new BrokerError(`no login at Kafka: the token provider failed: ${why}`, {
    code: 'TOKEN_UNAVAILABLE',
    kind: 'retry',
    certainty: 'not_applied',
    cause,
  });
}
