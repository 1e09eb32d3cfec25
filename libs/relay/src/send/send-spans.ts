import type { OutgoingBatch, SendResult } from '@convergekit/broker/engine';
import {
  attributeNames,
  failSpan,
  openSpan,
  type Span,
  spanNames,
  traceLink,
} from '@convergekit/telemetry/engine';

/** Links of one span at most: a batch may hold thousands of events. */
export const MAX_LINKS = 32;

/** The spans of one send, one for each partition's batch. */
export interface SendSpans {
  end(results: readonly SendResult[] | undefined): void;
}

/**
 * Opens `send <topic>` for each batch, linked to the contexts under which its events were written. Those travel in the
 * records as they were stored: a consumer continues the writer's trace, not the relay's. undefined while no spans are
 * collected, for the price of one check.
 */
export function openSends(batches: readonly OutgoingBatch[]): SendSpans | undefined {
  const opened: Span[] = [];
  for (const batch of batches) {
    const span = openSpan(spanNames.send(batch.topic), {
      kind: 'producer',
      attributes: attributesOf(batch),
    });
    if (span === undefined) return undefined;
    if ('bytes' in batch.records)
      for (const traceparent of traceparentsOf(batch.records.bytes, MAX_LINKS)) {
        const link = traceLink(traceparent);
        if (link !== undefined) span.addLink(link);
      }
    opened.push(span);
  }
  return { end: (results) => endAll(opened, results) };
}

function endAll(opened: readonly Span[], results: readonly SendResult[] | undefined): void {
  for (const [at, span] of opened.entries()) {
    const result = results?.[at];
    if (result === undefined) failSpan(span, 'GIVEN_UP');
    else if (!result.ok) failSpan(span, result.error.code);
    span.end();
  }
}

function attributesOf({ topic, partition, records }: OutgoingBatch): Record<string, string | number> {
  return {
    [attributeNames.system]: 'kafka',
    [attributeNames.operation]: 'send',
    [attributeNames.operationType]: 'send',
    [attributeNames.destination]: topic,
    [attributeNames.partition]: String(partition),
    [attributeNames.batchSize]: records.length,
  };
}

/**
 * Finds headers in an encoded batch by their bytes, for the rare need of one. Encoding keeps nothing per event. A
 * header is the length of its name, the name, the length of its value, the value; lengths below 64 are one byte,
 * doubled. A payload could contain the same bytes, so the value must have the form of a header's.
 */
const EVENT_ID = needleOf('ce_id', 36);
const TRACEPARENT = needleOf('traceparent', 55);
const SAMPLED = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]$/;

/** The id of the first event; undefined when the batch holds none. */
export function eventIdOf(batch: Buffer): string | undefined {
  return valuesOf(batch, EVENT_ID, 36, /^[0-9a-f-]{36}$/, 1)[0];
}

/** Returns the sampled trace contexts of at most `limit` events: a span takes a bounded number of links. */
export function traceparentsOf(batch: Buffer, limit: number): readonly string[] {
  return valuesOf(batch, TRACEPARENT, 55, SAMPLED, limit);
}

function valuesOf(batch: Buffer, needle: Buffer, length: number, form: RegExp, limit: number): string[] {
  const values: string[] = [];
  for (let at = batch.indexOf(needle); at >= 0 && values.length < limit; at = batch.indexOf(needle, at)) {
    at += needle.length;
    const value = batch.toString('latin1', at, at + length);
    if (form.test(value)) values.push(value);
  }
  return values;
}

function needleOf(name: string, valueLength: number): Buffer {
  return Buffer.from([name.length * 2, ...Buffer.from(name), valueLength * 2]);
}
