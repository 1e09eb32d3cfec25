import { hash, randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** Creates a new id. Production code uses `newUuidV7`; a test passes a counter. */
export type NewId = () => string;

// Random numbers are drawn by the page: a call of the generator costs more than the id.
const drawn = new Uint32Array(1_024);
let next = drawn.length;

const generator = new V7Generator({
  nextUint32: () => {
    if (next === drawn.length) {
      randomFillSync(drawn);
      next = 0;
    }
    return drawn[next++] ?? 0;
  },
});

/**
 * Creates a UUID of version 7: the ids of one process ascend, so an index grows at its end.
 * @example
 * ```ts
 * import { newUuidV7 } from 'convergekit';
 *
 * const orderId = newUuidV7(); // '0198c3a2-…': ids of a process ascend
 * ```
 */
export const newUuidV7: NewId = () => generator.generate().toString();

/** True for a text that a column of type uuid can hold. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

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
