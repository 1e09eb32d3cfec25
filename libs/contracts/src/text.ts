import { createHash } from 'node:crypto';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The bytes as text, undefined when they are not UTF-8. A Buffer's own decoder is several times faster than a strict
 * TextDecoder on short strings, and betrays bad bytes by the replacement character, which only then is looked into.
 */
export function textOf(bytes: Uint8Array): string | undefined {
  const text = Buffer.isBuffer(bytes)
    ? bytes.toString('utf8')
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.includes('\ufffd') ? strictly(bytes) : text;
}

function strictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What an index, a header, a log line and a span can hold of a foreign id or name. */
export const MAX_TEXT_BYTES = 512;

/** The text, or `sha256:…` of it when it takes more bytes than that. */
export function boundedText(text: string, maxBytes = MAX_TEXT_BYTES): string {
  // UTF-8 takes three bytes at most for a unit of UTF-16.
  if (text.length * 3 <= maxBytes) return text;
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
