import { z } from 'zod';
import { contextHeaders, ContractError, decodeEnvelope, defineEvent, type WireRecord } from '../index.ts';

export const placed = defineEvent({
  type: 'shop.order.placed',
  version: 2,
  topic: 'shop.orders',
  key: (data) => data.orderId,
  data: z.object({ orderId: z.string() }),
  upcast: { 1: (data) => ({ orderId: (data as { id: string }).id }) },
});

export const minimal: Record<string, string> = {
  ce_id: '019aa3c0-0000-7000-8000-000000000001',
  ce_source: 'orders',
  ce_type: 'shop.order.placed',
  ce_specversion: '1.0',
};
export const full: Record<string, string> = {
  ...minimal,
  ce_sourceid: '019aa3c0-0000-7000-8000-00000000abcd',
  ce_time: '2026-01-02T03:04:05.678Z',
  ce_subject: 'o-1',
  ce_pos: '1.17.123.00000000000000ab',
  ce_prev: '1.17.120',
  ...contextHeaders(placed, {
    correlationId: 'corr',
    causationId: 'cause',
    hops: 3,
    deadline: new Date(5),
    saga: 'saga-1',
    replayOf: 'first',
  }),
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tenant: 'grün',
};

export function record(headers: Record<string, string>, change: Partial<WireRecord> = {}): WireRecord {
  return {
    topic: 'shop.orders',
    partition: 2,
    offset: 41n,
    timestampMs: 1_700_000_000_000,
    key: Buffer.from('o-1'),
    value: Buffer.from('{"orderId":"o-1"}'),
    headers: Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)] as const),
    ...change,
  };
}

/** The envelope, or the code of the ContractError; anything else that is thrown is thrown on. */
export function decoded(one: WireRecord): ReturnType<typeof decodeEnvelope> | string {
  try {
    return decodeEnvelope(one);
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
}
