import { createHash } from 'node:crypto';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes UTF-8 text; returns undefined for other bytes.
 * A Buffer's own decoder is several times faster on short strings than a strict TextDecoder. It marks invalid bytes with
 * the replacement character; only then the strict decoder runs.
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

/** Size limit of a foreign id or name, for indexes, headers, logs and spans. */
const MAX_TEXT_BYTES = 512;

/** Returns the text, or its `sha256:…` when it exceeds the limit. */
export function boundText(text: string, maxBytes = MAX_TEXT_BYTES): string {
  // A UTF-16 unit takes at most three bytes in UTF-8.
  if (text.length * 3 <= maxBytes) return text;
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
