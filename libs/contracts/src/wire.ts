/**
 * Every name that Converge writes on the wire, and nothing else: CloudEvents 1.0 Kafka binding in binary mode
 * (attributes as `ce_` headers), its own extensions, and W3C trace context. Extension names are lower-case letters and
 * digits, at most 20, as CloudEvents demands.
 */
export const WIRE = Object.freeze({
  id: 'ce_id',
  /** The source's name. Deduplication never uses it: see `sourceId`. */
  source: 'ce_source',
  /** The source's uuid, written once when its database was set up. */
  sourceId: 'ce_sourceid',
  type: 'ce_type',
  specVersion: 'ce_specversion',
  time: 'ce_time',
  /** The event's key. */
  subject: 'ce_subject',
  /** `urn:converge:<type>:<version>`. */
  dataSchema: 'ce_dataschema',
  contentType: 'content-type',
  /** `epoch.tick.id.nonce`. */
  position: 'ce_pos',
  /** Position of the event before this one in its topic partition. */
  prev: 'ce_prev',
  correlationId: 'ce_correlationid',
  causationId: 'ce_causationid',
  hops: 'ce_hops',
  deadline: 'ce_deadline',
  saga: 'ce_saga',
  /** Of an event that starts sagas: which version of each, as `name/version`, separated by commas. */
  sagaStart: 'ce_sagastart',
  replayOf: 'ce_replayof',
  /** Of a failure event and of what compensates it: the attempt that caused it. */
  attemptId: 'ce_attemptid',
  /** HMAC over the record and its place; the last header. */
  signature: 'ce_sig',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
} as const);

/** What the relay writes from the outbox's columns: a copy stored by a writer could contradict them. */
export const RELAY_HEADERS: ReadonlySet<string> = new Set([
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

export const SPEC_VERSION = '1.0';
/** The type of the record that marks the beginning of an epoch in a partition. It is no event: consumers pass it. */
export const EPOCH_MARKER = 'converge.epoch';
export const CONTENT_TYPE = 'application/json';

const own: ReadonlySet<string> = new Set(Object.values(WIRE));

/** True for names that only the kit may set: all of the above, and all that begin with `ce_`, in any case. */
export function isReserved(name: string): boolean {
  if (own.has(name)) return true;
  const lower = name.toLowerCase();
  return lower.startsWith('ce_') || own.has(lower);
}

const DATA_SCHEMA = /^urn:converge:(.+):([1-9]\d{0,8})$/;

export function dataSchemaOf(type: string, version: number): string {
  return `urn:converge:${type}:${version}`;
}

/** The version that a `ce_dataschema` names; 1 when there is none or it is a foreign producer's own URI. */
export function versionOf(dataSchema: string | undefined): number {
  const match = dataSchema === undefined ? null : DATA_SCHEMA.exec(dataSchema);
  return match === null ? 1 : Number(match[2]);
}
