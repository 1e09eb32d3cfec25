import { CONTENT_TYPE, RELAY_HEADERS, WIRE } from '@convergekit/contracts';

export interface StoredHeaders {
  readonly count: number;
  /** As they stand in a record. */
  readonly bytes: Buffer;
}

/** The headers that a writer stored with its event, and a content type if it stored none. */
export function storedHeadersOf(text: string): StoredHeaders {
  const headers: string[] = [];
  let contentType = false;
  for (const [name, value] of Object.entries(objectOf(text))) {
    // Stored by SQL, where nothing checks them: left out.
    if (RELAY_HEADERS.has(name) || typeof value !== 'string') continue;
    if (name === WIRE.contentType) contentType = true;
    headers.push(name, value);
  }
  if (!contentType) headers.push(WIRE.contentType, CONTENT_TYPE);
  return { count: headers.length / 2, bytes: Buffer.concat(headers.map(fieldOf)) };
}

/** A text behind its length, as names and values of headers stand in a record. */
export function fieldOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varintOf(bytes.length), bytes]);
}

/** For events that were stored without one. */
export const CONTENT_TYPE_HEADER = Buffer.concat([WIRE.contentType, CONTENT_TYPE].map(fieldOf));

/** A length as a record writes it: zigzag, seven bits a byte. */
export function varintOf(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Text that is no JSON object can only come from hand-made SQL: the event goes out without those headers. */
function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
