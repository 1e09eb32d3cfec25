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

/** Returns a value as a text that only this process could have written, for one purpose. */
export function seal(signer: Signer, purpose: string, value: object): string {
  const content = Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${content}.${signer.sign(purpose, content)}`;
}

/** Reads a sealed value; undefined for what another process, or a visitor, wrote. */
export function unseal(signer: Signer, purpose: string, text: string): unknown {
  const [content = '', signature = '', more] = text.split('.');
  if (more !== undefined || !sameText(signature, signer.sign(purpose, content))) return undefined;
  return JSON.parse(Buffer.from(content, 'base64url').toString());
}

/** The user of a session. */
export interface SessionUser {
  readonly user: string;
  /** The groups to which rights belong, as the provider named them; undefined = signed in with a token. */
  readonly groups?: readonly string[];
}

interface SealedSession extends SessionUser {
  readonly end: number;
  readonly signOuts: number;
}

/** The sessions of this process. They are kept in cookies alone; what is kept here is how often each user signed out. */
export class Sessions {
  readonly #signer: Signer;
  readonly #signOuts = new Map<string, number>();

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** Makes the value of a session's cookie. */
  begin({ user, groups }: SessionUser, now: number, lastsMs = SESSION_MS): string {
    const session: SealedSession = {
      user,
      ...(groups !== undefined && { groups }),
      end: now + lastsMs,
      signOuts: this.#signOutsOf(user),
    };
    return seal(this.#signer, 'session', session);
  }

  /** Reads the user of a cookie; undefined when it is forged, over, or from before the user's last sign-out. */
  userOf(cookie: string, now: number): SessionUser | undefined {
    const session = unseal(this.#signer, 'session', cookie) as SealedSession | undefined;
    if (session === undefined || session.end <= now) return undefined;
    return session.signOuts === this.#signOutsOf(session.user) ? session : undefined;
  }

  /** Ends all sessions of a user, copies of their cookies included. */
  endAll(user: string): void {
    this.#signOuts.set(user, this.#signOutsOf(user) + 1);
  }

  /** The token that each form of this user carries. */
  formToken(user: string): string {
    return this.#signer.sign('form', user);
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
