import { messageOf } from '@convergekit/core/engine';
import { ContractError } from './contract-error.ts';

/**
 * Maximum size of a payload in bytes. It is below the outbox table's check (900 KiB with headers) and the broker's
 * default of 1 MiB.
 */
export const MAX_PAYLOAD_BYTES = 900_000;

// The library's type omits undefined, which stringify returns for undefined, functions and symbols.
const stringify: (data: unknown) => string | undefined = JSON.stringify;

/** Encodes data as JSON, once: the text then travels unchanged. Throws DATA_NOT_JSON. */
export function encodePayload(data: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = stringify(data);
  } catch (cause) {
    const why = messageOf(cause);
    throw new ContractError(
      'DATA_NOT_JSON',
      `${what} cannot be written as JSON: ${why}; send a BigInt as a string`,
      { cause },
    );
  }
  if (text === undefined)
    throw new ContractError('DATA_NOT_JSON', `${what} is ${typeof data}, which JSON does not have`);
  return text;
}

/** Validates a payload's text and size in UTF-8. Throws PAYLOAD_LONE_SURROGATE or PAYLOAD_TOO_LARGE. */
export function checkPayload(payload: string, maxBytes: number = MAX_PAYLOAD_BYTES): void {
  const bytes = Buffer.byteLength(payload);
  if (bytes > maxBytes)
    throw new ContractError(
      'PAYLOAD_TOO_LARGE',
      `the payload takes ${bytes} bytes, at most ${maxBytes} are allowed: store large content elsewhere and send a reference`,
    );
  if (!payload.isWellFormed() || hasLoneEscape(payload))
    throw new ContractError(
      'PAYLOAD_LONE_SURROGATE',
      'the payload has half of a surrogate pair, which UTF-8 cannot carry: cut strings between characters, or call toWellFormed()',
    );
}

/**
 * Finds a lone surrogate that JSON.stringify wrote as the six characters `\udXXX`.
 * `isWellFormed` does not see it, but the consumer would. Other writers escape whole pairs, which is valid.
 */
function hasLoneEscape(json: string): boolean {
  if (!/\\u[dD]/.test(json)) return false;
  let pending = -1;
  for (const match of json.matchAll(/\\(?:u([0-9a-fA-F]{4})|[^])/g)) {
    const unit = match[1] === undefined ? 0 : parseInt(match[1], 16);
    const low = unit >= 0xdc00 && unit <= 0xdfff;
    if (low !== (pending === match.index)) return true;
    pending = unit >= 0xd800 && unit <= 0xdbff ? match.index + match[0].length : -1;
    if (pending !== -1 && !json.startsWith('\\u', pending)) return true;
  }
  return pending !== -1;
}

/** Keys that reach an object's prototype when other code copies or merges the object. */
const FORBIDDEN = new Set(['__proto__', 'constructor']);
// Texts that need the slow parse with a reviver; most payloads contain none of them.
const SUSPECT = /__proto__|constructor|\\u00/;

/** Parses a received payload. Throws PAYLOAD_NOT_JSON or PAYLOAD_FORBIDDEN_KEY. */
export function parsePayload(payload: string): unknown {
  try {
    return JSON.parse(payload, SUSPECT.test(payload) ? refuseForbidden : undefined) as unknown;
  } catch (cause) {
    if (cause instanceof ContractError) throw cause;
    throw new ContractError('PAYLOAD_NOT_JSON', 'the payload is not JSON, or nested too deeply to read', {
      cause,
    });
  }
}

function refuseForbidden(key: string, value: unknown): unknown {
  if (FORBIDDEN.has(key))
    throw new ContractError(
      'PAYLOAD_FORBIDDEN_KEY',
      `the payload has a key ${JSON.stringify(key)}, which is refused: it reaches an object's prototype`,
    );
  return value;
}
