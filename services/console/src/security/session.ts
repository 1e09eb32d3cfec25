import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Compares two texts in a time that does not depend on where they differ, nor on their lengths. */
export function sameText(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** Signs with a key that this process made at its start: what it signed is worth nothing to the next process. */
export interface Signer {
  readonly sign: (purpose: string, text: string) => string;
}

export function signer(key: Buffer): Signer {
  return {
    sign: (purpose, text) => createHmac('sha256', key).update(`${purpose}\n${text}`).digest('base64url'),
  };
}

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
