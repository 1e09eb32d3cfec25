import type { OutgoingBatch, SendResult } from '@convergekit/kafka';
import { attributeNames, failSpan, openSpan, type Span, spanNames, traceLink } from '@convergekit/telemetry';
import { traceparentsOf } from './batch-headers.ts';

/** Links of one span: enough to find the batch of an event that is looked for, mostly; a batch may hold thousands. */
export const MAX_LINKS = 32;

/** The spans of one send, one for each partition's batch. */
export interface SendSpans {
  end(results: readonly SendResult[] | undefined): void;
}

/**
 * Opens `send <topic>` for each batch, linked to the contexts under which its events were written. Those travel in the
 * records as they were stored: a consumer goes on from the writer, not from the relay. undefined, for the price of one
 * question, while nobody collects spans.
 */
export function openSends(batches: readonly OutgoingBatch[]): SendSpans | undefined {
  const spans: Span[] = [];
  for (const batch of batches) {
    const span = openSpan(spanNames.send(batch.topic), { kind: 'producer', attributes: attributesOf(batch) });
    if (span === undefined) return undefined;
    if ('bytes' in batch.records)
      for (const traceparent of traceparentsOf(batch.records.bytes, MAX_LINKS)) {
        const link = traceLink(traceparent);
        if (link !== undefined) span.addLink(link);
      }
    spans.push(span);
  }
  return { end: (results) => endAll(spans, results) };
}

function endAll(spans: readonly Span[], results: readonly SendResult[] | undefined): void {
  for (const [at, span] of spans.entries()) {
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
