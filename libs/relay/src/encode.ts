import { CONTENT_TYPE, RELAY_HEADERS, SPEC_VERSION, WIRE } from '@converge/contracts';
import type { OutgoingRecord } from '@converge/kafka';
import type { OutboxRow } from './window-sql.ts';

export interface SourceIdentity {
  readonly id: string;
  readonly name: string;
  readonly epoch: number;
}

type Header = readonly [name: string, value: string];

interface StoredHeaders {
  readonly headers: readonly Header[];
  readonly bytes: number;
}

export interface EncodedEvent {
  readonly record: OutgoingRecord;
  /** Bytes in a batch, from above: lengths and framing are counted too. */
  readonly bytes: number;
}

/** Names of our own headers, and the lengths and framing of a record. */
const FRAME_BYTES = 220;

/**
 * Makes records of rows. Stored headers repeat (all events of one type without a trace have the same), so the last few
 * texts are parsed once: encoding must stay near a microsecond per event for the driver to be the limit.
 */
export class Encoder {
  readonly #source: SourceIdentity;
  readonly #fixedBytes: number;
  readonly #stored = new Map<string, StoredHeaders>();
  #timeMs = Number.NaN;
  #time = '';

  constructor(source: SourceIdentity) {
    this.#source = source;
    this.#fixedBytes = FRAME_BYTES + Buffer.byteLength(source.name) + source.id.length;
  }

  /** `position` is `epoch.tick.id.nonce`, `prev` the `epoch.tick.id` before it in the partition. */
  encode(row: OutboxRow, position: string, prev: string): EncodedEvent {
    const stored = this.#storedOf(row.headers);
    const headers: Header[] = [
      [WIRE.specVersion, SPEC_VERSION],
      [WIRE.id, row.event_id],
      [WIRE.source, this.#source.name],
      [WIRE.sourceId, this.#source.id],
      [WIRE.type, row.type],
      [WIRE.time, this.#timeOf(row.created_ms)],
      [WIRE.subject, row.key],
      [WIRE.position, position],
      [WIRE.prev, prev],
    ];
    for (const header of stored.headers) headers.push(header);
    const bytes =
      this.#fixedBytes +
      stored.bytes +
      2 * Buffer.byteLength(row.key) +
      Buffer.byteLength(row.payload) +
      3 * row.type.length +
      row.event_id.length +
      position.length +
      prev.length +
      24;
    return { record: { key: row.key, value: row.payload, headers, timestampMs: row.created_ms }, bytes };
  }

  #storedOf(text: string): StoredHeaders {
    const known = this.#stored.get(text);
    if (known !== undefined) return known;
    if (this.#stored.size >= 256) this.#stored.clear();
    const headers = parseHeaders(text);
    const bytes = headers.reduce(
      (sum, [name, value]) => sum + 8 + name.length * 3 + Buffer.byteLength(value),
      0,
    );
    const parsed = { headers, bytes };
    this.#stored.set(text, parsed);
    return parsed;
  }

  #timeOf(ms: number): string {
    if (ms !== this.#timeMs) {
      this.#timeMs = ms;
      this.#time = new Date(ms).toISOString();
    }
    return this.#time;
  }
}

function parseHeaders(text: string): readonly Header[] {
  const headers: Header[] = [];
  let contentType = false;
  for (const [name, value] of Object.entries(objectOf(text))) {
    // Stored by SQL, where nothing checks them: left out.
    if (RELAY_HEADERS.has(name) || typeof value !== 'string') continue;
    if (name === WIRE.contentType) contentType = true;
    headers.push([name, value]);
  }
  if (!contentType) headers.push([WIRE.contentType, CONTENT_TYPE]);
  return headers;
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
