import { CONTENT_TYPE, SPEC_VERSION, WIRE } from '@converge/contracts';
import type { OutgoingRecord } from '@converge/kafka';
import type { OutboxRow } from './window-sql.ts';

export interface SourceIdentity {
  readonly id: string;
  readonly name: string;
  readonly epoch: number;
}

type Header = readonly [name: string, value: string];

/** What the relay writes itself: stored headers of these names (from SQL, where nothing checks them) are left out. */
const ownNames: ReadonlySet<string> = new Set([
  WIRE.id,
  WIRE.source,
  WIRE.sourceId,
  WIRE.type,
  WIRE.specVersion,
  WIRE.time,
  WIRE.subject,
  WIRE.position,
  WIRE.prev,
]);

/**
 * Makes records of rows. Stored headers repeat (all events of one type without a trace have the same), so the last few
 * texts are parsed once. Measured: encoding must stay near 1 µs per event for the driver to be the limit.
 */
export class Encoder {
  readonly #source: SourceIdentity;
  readonly #parsed = new Map<string, readonly Header[]>();
  #timeMs = Number.NaN;
  #time = '';

  constructor(source: SourceIdentity) {
    this.#source = source;
  }

  /** `position` is `epoch.tick.id.nonce`, `prev` the `epoch.tick.id` before it in the partition. */
  record(row: OutboxRow, position: string, prev: string): OutgoingRecord {
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
    for (const header of this.#stored(row.headers)) headers.push(header);
    return { key: row.key, value: row.payload, headers, timestampMs: row.created_ms };
  }

  #stored(text: string): readonly Header[] {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    if (this.#parsed.size >= 256) this.#parsed.clear();
    const parsed = parseHeaders(text);
    this.#parsed.set(text, parsed);
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
    if (ownNames.has(name) || typeof value !== 'string') continue;
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

/** Bytes of a record in a batch, from above: lengths and framing are counted too. */
export function recordBytes(record: OutgoingRecord, row: OutboxRow): number {
  let bytes = 32 + Buffer.byteLength(row.key) + Buffer.byteLength(row.payload);
  for (const [name, value] of record.headers) bytes += 8 + name.length + value.length * 3;
  return bytes;
}
