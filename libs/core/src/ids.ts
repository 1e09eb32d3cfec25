import { hash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** Makes a new id. The system's one makes UUIDv7; a test passes a counter. */
export type NewId = () => string;

export const newUuidV7: NewId = () => uuidv7();

/**
 * A UUIDv8 (RFC 9562 §5.8) that is a pure function of its parts: SHA-256 over the parts, each preceded by its
 * length so that `['ab','c']` and `['a','bc']` differ. Events emitted inside a handler get such ids, so that a
 * replayed handler emits the same facts under the same ids.
 */
export function deterministicUuid(...parts: readonly (string | number)[]): string {
  const hex = hash('sha256', parts.map((part) => `${String(part).length}:${part}`).join(''), 'hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
