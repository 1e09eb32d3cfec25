/**
 * Finds headers in an encoded batch by their bytes, for the rare moments when one is wanted: encoding keeps nothing per
 * event. A header is the length of its name, the name, the length of its value, the value; lengths below 64 are one
 * byte, doubled. A payload that holds the same bytes could be taken for a header, so the value must look like one.
 */
const EVENT_ID = needleOf('ce_id', 36);
const TRACEPARENT = needleOf('traceparent', 55);

/** The id of the first event; undefined when it is none of ours. */
export function eventIdOf(batch: Buffer): string | undefined {
  return valuesOf(batch, EVENT_ID, 36, /^[0-9a-f-]{36}$/, 1)[0];
}

/** The trace contexts that were sampled, of at most `limit` events: a span takes a bounded number of links. */
export function traceparentsOf(batch: Buffer, limit: number): readonly string[] {
  return valuesOf(
    batch,
    TRACEPARENT,
    55,
    /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]$/,
    limit,
  );
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
