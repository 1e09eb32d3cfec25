import { createHash } from 'node:crypto';
import type { Envelope, FailureInput } from '@convergekit/contracts/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The largest payload in a failure event; above, it carries a reference to the dead letter. */
const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_KEY_BYTES = 1024;

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Makes text that Postgres, JSON and a terminal can hold. */
export function clean(text: string, maxLength: number): string {
  return text.replace(CONTROL, '\ufffd').slice(0, maxLength).toWellFormed();
}

/** Makes text without control characters: for keys, headers and names. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]/g, '\ufffd').toWellFormed();
}

/** Returns the event's key, or a substitute to find and order a given-up event. */
export function keyOf(record: IncomingRecord, envelope: Envelope | undefined): string {
  return knownKey(record, envelope) ?? `${record.topic}/${record.partition}`;
}

/** The event's key; undefined: the record has none, so nothing is ordered with it. */
export function knownKey({ key }: IncomingRecord, envelope: Envelope | undefined): string | undefined {
  const text = envelope?.key ?? key?.toString('utf8') ?? '';
  // An empty key counts as none. Very long keys with the same beginning share a line: that costs only time.
  return cut(oneLine(text)) || undefined;
}

function cut(text: string): string {
  if (Buffer.byteLength(text) <= MAX_KEY_BYTES) return text;
  let kept = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_KEY_BYTES) return kept;
    kept += character;
  }
  return kept;
}

export function headersJson(headers: IncomingRecord['headers']): string {
  return JSON.stringify(
    headers.map(([name, value]) => [name.toWellFormed(), value === null ? null : shown(value)]),
  );
}

/** Parses what `headersJson` made. */
export function headersOf(json: string): IncomingRecord['headers'] {
  const headers = JSON.parse(json) as readonly [string, string | null | { readonly base64: string }][];
  return headers.map(([name, value]) => [
    name,
    value === null
      ? null
      : typeof value === 'string'
        ? Buffer.from(value)
        : Buffer.from(value.base64, 'base64'),
  ]);
}

function shown(value: Buffer): string | { readonly base64: string } {
  return textOf(value) ?? { base64: value.toString('base64') };
}

type PayloadPart = Pick<FailureInput['event'], 'payload' | 'payloadBase64' | 'ref' | 'payloadSha256'>;

/** The payload in a failure event: unchanged or in base64 when `whole` and not too large, and else as a reference. */
export function payloadOf(value: Buffer | null, ref: string, whole: boolean): PayloadPart {
  if (value === null) return { ref };
  return (whole ? wholeOf(value) : undefined) ?? { ref, payloadSha256: sha256(value) };
}

function wholeOf(value: Buffer): PayloadPart | undefined {
  if (value.length > MAX_PAYLOAD_BYTES) return undefined;
  const text = textOf(value);
  if (text === undefined) return { payloadBase64: value.toString('base64') };
  // Control characters take six bytes each inside JSON, so the encoded size is what counts.
  const fits = Buffer.byteLength(JSON.stringify(text)) <= 2 * MAX_PAYLOAD_BYTES;
  return fits ? { payload: text } : undefined;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function textOf(value: Buffer): string | undefined {
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}
