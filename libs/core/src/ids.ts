import { hash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** Creates a new id. Production code uses `newUuidV7`; a test passes a counter. */
export type NewId = () => string;

export const newUuidV7: NewId = () => uuidv7();

/**
 * Derives a UUIDv8 (RFC 9562 §5.8) from its parts: equal parts give equal ids. The parts are hashed by SHA-256, each
 * preceded by its length, so that `['ab','c']` and `['a','bc']` differ. Events emitted in a handler get such ids: a
 * repeated handler run emits the same events under the same ids.
 */
export function deterministicUuid(...parts: readonly (string | number)[]): string {
  const hex = hash('sha256', parts.map((part) => `${String(part).length}:${part}`).join(''), 'hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
