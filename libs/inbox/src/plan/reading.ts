import {
  boundText,
  decodeEnvelope,
  type Envelope,
  KIT_TYPES,
  parsePosition,
  type Position,
  WIRE,
} from '@convergekit/contracts/engine';
import { ContractError } from '@convergekit/contracts';
import type { IncomingRecord, UndecodableBatch } from '@convergekit/broker/engine';
import { isUuid } from '@convergekit/core/engine';
import { InboxError } from '../errors.ts';
import type { Mark } from './judge.ts';

/** A record, parsed as far as its bytes allow. */
export interface Reading {
  readonly record: IncomingRecord;
  /** The position in the record's headers; it counts only for a pinned source. */
  readonly claim: Claim | undefined;
  readonly content:
    | { readonly kind: 'envelope'; readonly envelope: Envelope }
    /** The beginning of an epoch: not an event, but its position counts. */
    | { readonly kind: 'marker' }
    | { readonly kind: 'unreadable'; readonly error: ContractError | InboxError };
}

export interface Claim extends Mark {
  readonly sourceName: string;
}

/** Parses a record. The function never throws, whatever the bytes. */
export function readRecord(record: IncomingRecord): Reading {
  if (record.undecodable !== undefined) {
    const error = batchUndecodable(record.undecodable);
    // Without its position the source's next event would be a gap.
    return { record, claim: rawClaim(record), content: { kind: 'unreadable', error } };
  }
  try {
    const envelope = decodeEnvelope(record);
    const { sourceId, position, prev, source } = envelope;
    const claim =
      sourceId === undefined || position === undefined || !isUuid(sourceId)
        ? undefined
        : { source: sourceId.toLowerCase(), sourceName: source, position, prev };
    if (envelope.type === KIT_TYPES.epochMarker) return { record, claim, content: { kind: 'marker' } };
    return { record, claim, content: { kind: 'envelope', envelope } };
  } catch (error) {
    const claim = rawClaim(record);
    // A marker is not an event, so its envelope need not be valid.
    if (only(record.headers, WIRE.type) === KIT_TYPES.epochMarker)
      return { record, claim, content: { kind: 'marker' } };
    return { record, claim, content: { kind: 'unreadable', error: contractError(error) } };
  }
}

/** The error of an undecodable batch: one dead letter, with offsets and hash, keeps its bytes unchanged. */
function batchUndecodable({ firstOffset, lastOffset, sha256, why }: UndecodableBatch): InboxError {
  return new InboxError(
    'BATCH_UNDECODABLE',
    `the batch at offsets ${firstOffset} to ${lastOffset} (sha256 ${sha256}) cannot be decoded: ${why}; have its producer send it again, with another compression, fewer headers or in smaller batches`,
    { category: 'data' },
  );
}

/** Reads the position of an event with an invalid envelope: without it the next event would look like a gap. */
function rawClaim({ headers }: IncomingRecord): Claim | undefined {
  const source = only(headers, WIRE.sourceId);
  const name = only(headers, WIRE.source);
  const sourceName = name === undefined ? undefined : boundText(name);
  const position = attempt(only(headers, WIRE.position));
  if (source === undefined || sourceName === undefined || position === undefined || !isUuid(source))
    return undefined;
  return { source: source.toLowerCase(), sourceName, position, prev: attempt(only(headers, WIRE.prev)) };
}

function only(headers: IncomingRecord['headers'], name: string): string | undefined {
  const found = headers.filter(([header]) => header === name);
  const value = found.length === 1 ? found[0]?.[1]?.toString('utf8') : undefined;
  // Postgres cannot hold NUL in text; no honest name has control characters.
  // eslint-disable-next-line no-control-regex
  return value === undefined || value === '' || /[\u0000-\u001f\u007f]/.test(value) ? undefined : value;
}

function attempt(text: string | undefined): Position | undefined {
  try {
    return text === undefined ? undefined : parsePosition(text);
  } catch {
    return undefined;
  }
}

function contractError(error: unknown): ContractError {
  if (error instanceof ContractError) return error;
  return new ContractError('HEADERS_INVALID', 'the record could not be read', { cause: error });
}
