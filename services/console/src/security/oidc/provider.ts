import type * as OpenId from 'openid-client';
import { logger } from '@convergekit/telemetry';
import { ConsoleRefusal } from '../../errors.ts';
import type { ProviderClaims } from './person.ts';
import type { ProviderSettings } from './provider-settings.ts';

/** The longest time for one answer of the provider, in seconds. */
const ANSWER_S = 5;
/** The sign-ins that wait for the provider at a time: a page of another site cannot have the console flood it. */
const MOST_AT_ONCE = 16;

/** What a browser keeps while its person is at the provider. */
export interface Flow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** The provider with which people sign in. Its addresses and keys are read anew for each sign-in, so a rotation needs nothing. */
export class Provider {
  readonly #settings: ProviderSettings;
  #waiting = 0;

  constructor(settings: ProviderSettings) {
    this.#settings = settings;
  }

  /** The host of the provider, for pages. */
  get host(): string {
    return this.#settings.issuer.host;
  }

  /** Begins a sign-in: the address to which the browser goes. */
  begin(): Promise<{ readonly address: string; readonly flow: Flow }> {
    return this.#ask(async (client, config) => {
      const { redirectUri, scopes } = this.#settings;
      const verifier = client.randomPKCECodeVerifier();
      const flow = { state: client.randomState(), nonce: client.randomNonce(), verifier };
      const address = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri.href,
        scope: scopes,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state: flow.state,
        nonce: flow.nonce,
      });
      return { address: address.href, flow };
    });
  }

  /** Ends a sign-in: reads who the provider sent back with `query`, the query of the address. */
  finish(query: string, { state, nonce, verifier }: Flow): Promise<ProviderClaims> {
    return this.#ask(async (client, config) => {
      const current = new URL(this.#settings.redirectUri);
      current.search = query;
      const tokens = await client.authorizationCodeGrant(config, current, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims: ProviderClaims = { ...tokens.claims() };
      const { nameClaim, groupsClaim } = this.#settings;
      const isWhole = nameClaim in claims && groupsClaim in claims;
      if (isWhole || config.serverMetadata().userinfo_endpoint === undefined) return claims;
      const more = await client.fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? '');
      return { ...more, ...claims };
    });
  }

  /** Finds the address at which people sign out of the provider; undefined = it names none, or does not answer. */
  signOutAddress(): Promise<string | undefined> {
    return this.#ask((client, config) => {
      const hasOne = config.serverMetadata().end_session_endpoint !== undefined;
      return Promise.resolve(hasOne ? client.buildEndSessionUrl(config).href : undefined);
    }).catch(() => undefined);
  }

  async #ask<T>(question: (client: typeof OpenId, config: OpenId.Configuration) => Promise<T>): Promise<T> {
    if (this.#waiting >= MOST_AT_ONCE)
      throw new ConsoleRefusal(
        429,
        'CONSOLE_SIGN_IN_LIMIT',
        `${MOST_AT_ONCE} sign-ins wait for ${this.host}: try again in a few seconds`,
      );
    this.#waiting += 1;
    try {
      const client = await import('openid-client');
      return await question(client, await discover(client, this.#settings));
    } catch (error) {
      throw refusalOf(error, this.host);
    } finally {
      this.#waiting -= 1;
    }
  }
}

function discover(client: typeof OpenId, settings: ProviderSettings): Promise<OpenId.Configuration> {
  const { issuer, clientId, clientSecret } = settings;
  return client.discovery(
    issuer,
    clientId,
    undefined,
    clientSecret === undefined ? client.None() : secretOf(client, clientSecret),
    {
      // Without it a token is believed by the connection that it came over, whatever its signature.
      execute: [
        client.enableNonRepudiationChecks,
        ...(issuer.protocol === 'http:' ? [withoutTls(client)] : []),
      ],
      timeout: ANSWER_S,
    },
  );
}

/** Permits a provider without TLS, which the settings accept on this machine alone. */
function withoutTls(client: typeof OpenId): (config: OpenId.Configuration) => void {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated only so that it stands out
  return client.allowInsecureRequests;
}

/** Sends the secret in the way that the provider names: in the header, as the standard's default is, or in the body. */
function secretOf(client: typeof OpenId, secret: string): OpenId.ClientAuth {
  const [byHeader, byBody] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (server, ...request) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    (methods.includes('client_secret_basic') ? byHeader : byBody)(server, ...request);
  };
}

/** The codes by which the library says that no answer came that can be read. */
const NO_ANSWER = [
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
];

interface LibraryError {
  readonly code?: unknown;
  /** What the provider answered, such as `access_denied`. */
  readonly error?: unknown;
  readonly message?: string;
  readonly cause?: unknown;
}

/**
 * Returns the refusal of a sign-in for an error of the library; any other error stays as it is. What the provider or the address said
 * is logged, and not shown: anyone can write an address.
 */
function refusalOf(error: unknown, host: string): unknown {
  const { code, error: answer, message, cause } = error as LibraryError;
  const isOfLibrary = typeof code === 'string' && code.startsWith('OAUTH_');
  const isDown = message === 'fetch failed' || (isOfLibrary && NO_ANSWER.includes(code));
  if (!isOfLibrary && !isDown) return error;
  // The causes of the library have the claims of a person, or the code in the address, as fields: they are left out.
  const why = cause instanceof Error ? cause.message : undefined;
  logger('console').warn(
    { provider: host, code, reason: message, why },
    'a sign-in with the provider failed',
  );
  if (isDown)
    return new ConsoleRefusal(
      503,
      'CONSOLE_PROVIDER_DOWN',
      `${host} does not answer, so no sign-in with it works now. Who is signed in stays so, and tokens work; the console's log has its error`,
    );
  const said = typeof answer === 'string' && /^[a-z_]{1,60}$/.test(answer) ? ` (${answer})` : '';
  return new ConsoleRefusal(
    401,
    'CONSOLE_SIGN_IN_REFUSED',
    `the answer of ${host} is no sign-in${said}: begin again at /sign-in; the console's log has what is wrong with it`,
  );
}
