import { sameText, type Signer } from './keys.ts';

/** A session lasts for a shift; a restart of the console ends all. In milliseconds. */
export const SESSION_MS = 12 * 3_600_000;
export const SESSION_COOKIE = 'converge_console';

/** Makes the value of the session's cookie: the user, its end, and the signature of both. Pure. */
export function sessionOf(user: string, now: number, { sign }: Signer): string {
  const text = `${Buffer.from(user).toString('base64url')}.${now + SESSION_MS}`;
  return `${text}.${sign('session', text)}`;
}

/** Reads the user of a cookie; undefined when it is forged or over. Pure. */
export function userOfSession(cookie: string, now: number, { sign }: Signer): string | undefined {
  const [name = '', end = '', signature = '', more] = cookie.split('.');
  if (more !== undefined || !sameText(signature, sign('session', `${name}.${end}`))) return undefined;
  return Number(end) > now ? Buffer.from(name, 'base64url').toString() : undefined;
}

/** Returns the name of the user whose token this is. Every token is compared, whatever the first answers. Pure. */
export function userOfToken(given: string, tokens: Readonly<Record<string, string>>): string | undefined {
  const matching = Object.entries(tokens).filter(([, token]) => sameText(given, token));
  return matching[0]?.[0];
}
