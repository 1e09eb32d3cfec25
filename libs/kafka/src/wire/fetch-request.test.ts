import { encodeRecordBatch } from '@convergekit/broker/engine';
import { expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { fetchResponse } from './fetch-request.ts';

/** A broker's answer with three records from offset 5 on, and the mark that it read before them. */
function answer(highWatermark: bigint): Buffer {
  const records = ['a', 'b', 'c'].map((value) => ({ key: 'k', value, headers: [], timestampMs: 0 }));
  const batch = Buffer.from(encodeRecordBatch(records));
  batch.writeBigInt64BE(5n, 0);
  const body = new ByteWriter().int32(0).int16(0).int32(0).int32(1).string('t').int32(1);
  body.int32(0).int16(0).int64(highWatermark).int64(highWatermark).int64(0n).int32(0).int32(-1);
  return body.int32(batch.length).raw(batch).finish();
}

const wants = [{ topic: 't', partition: 0, offset: 5n, maxBytes: 1_000_000 }];

// A broker reads the high watermark before the records. Planted fault: the mark as it came, with which a lag is negative.
it.each([
  [6n, 8n],
  [8n, 8n],
  [9n, 9n],
])(
  'an answer whose high watermark is %s, with records up to offset 7, has the mark %s',
  async (mark, expected) => {
    expect(await fetchResponse(answer(mark), wants)).toMatchObject([
      { ok: true, nextOffset: 8n, highWatermark: expected },
    ]);
  },
);
