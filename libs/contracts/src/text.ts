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
