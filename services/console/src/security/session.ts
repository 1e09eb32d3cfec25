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

/** The name of a console's cookie: two consoles under one host have two. */
export const sessionCookie = (base: string): string => `converge_console${base.replaceAll('/', '.')}`;

/** The sessions of this process. They are kept in cookies alone; what is kept here is how often each user signed out. */
export class Sessions {
  readonly #signer: Signer;
  readonly #signOuts = new Map<string, number>();

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** Makes the value of a session's cookie: the user, its end, and a signature. */
  begin(user: string, now: number): string {
    const name = Buffer.from(user).toString('base64url');
    const end = String(now + SESSION_MS);
    return `${name}.${end}.${this.#signature(user, end)}`;
  }

  /** Reads the user of a cookie; undefined when it is forged, over, or from before the user's last sign-out. */
  userOf(cookie: string, now: number): string | undefined {
    const [name = '', end = '', signature = '', more] = cookie.split('.');
    const user = Buffer.from(name, 'base64url').toString();
    if (more !== undefined || !sameText(signature, this.#signature(user, end))) return undefined;
    return Number(end) > now ? user : undefined;
  }

  /** Ends all sessions of a user, copies of their cookies included. */
  endAll(user: string): void {
    this.#signOuts.set(user, this.#signOutsOf(user) + 1);
  }

  /** The token that each form of this user carries. */
  formToken(user: string): string {
    return this.#signer.sign('form', user);
  }

  #signature(user: string, end: string): string {
    return this.#signer.sign('session', `${this.#signOutsOf(user)}\n${end}\n${user}`);
  }

  #signOutsOf(user: string): number {
    return this.#signOuts.get(user) ?? 0;
  }
}

/** Returns the name of the user whose token this is. Every token is compared, whatever the first answers. Pure. */
export function userOfToken(given: string, tokens: Readonly<Record<string, string>>): string | undefined {
  const matching = Object.entries(tokens).filter(([, token]) => sameText(given, token));
  return matching[0]?.[0];
}
