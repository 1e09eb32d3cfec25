import { createHmac, createHash, timingSafeEqual } from 'node:crypto';

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
