/**
 * The names that Converge writes on the wire. They are the CloudEvents 1.0 Kafka binding in binary mode (attributes as
 * `ce_` headers), the kit's own extensions, and W3C trace context. CloudEvents limits extension names to 20 lower-case
 * letters and digits.
 */
export const WIRE = Object.freeze({
  id: 'ce_id',
  /** The name of the source. Deduplication uses `sourceId` instead. */
  source: 'ce_source',
  /** The uuid of the source, created once with its database. */
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
  /** Position of the previous event in the topic partition. */
  prev: 'ce_prev',
  correlationId: 'ce_correlationid',
  causationId: 'ce_causationid',
  hops: 'ce_hops',
  deadline: 'ce_deadline',
  saga: 'ce_saga',
  /** The sagas that the event starts, as `name/version`, separated by commas. */
  sagaStart: 'ce_sagastart',
  replayOf: 'ce_replayof',
  /** The attempt that caused a failure event or its compensation. */
  attemptId: 'ce_attemptid',
  /** The `traceparent` of that attempt, for links between spans. */
  attemptTrace: 'ce_attempttrace',
  /** HMAC over the record and its partition; always the last header. */
  signature: 'ce_sig',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
} as const);

/** Headers that the relay writes from the outbox's columns. A copy stored by a writer could contradict them. */
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
/** The types of the records that the kit itself writes. */
export const KIT_TYPES = {
  failure: 'converge.failure',
  stepUndone: 'converge.step_undone',
  stuck: 'converge.stuck',
  /** Marks the start of an epoch in a partition. It is no event: consumers skip it. */
  epochMarker: 'converge.epoch',
} as const;
export const CONTENT_TYPE = 'application/json';

const own: ReadonlySet<string> = new Set(Object.values(WIRE));

/** True for names that only the kit may set: the names in WIRE, and all that start with `ce_`, in any case. */
export function isReserved(name: string): boolean {
  if (own.has(name)) return true;
  const lower = name.toLowerCase();
  return lower.startsWith('ce_') || own.has(lower);
}

const DATA_SCHEMA = /^urn:converge:(.+):([1-9]\d{0,8})$/;

export function dataSchemaOf(type: string, version: number): string {
  return `urn:converge:${type}:${version}`;
}

/** Returns the version that a `ce_dataschema` names; 1 when there is none, or a foreign URI. */
export function versionOf(dataSchema: string | undefined): number {
  const match = dataSchema === undefined ? null : DATA_SCHEMA.exec(dataSchema);
  return match === null ? 1 : Number(match[2]);
}
