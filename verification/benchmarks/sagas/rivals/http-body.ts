import type { IncomingMessage } from 'node:http';
import { type Order, orderSchema } from '../order.ts';

/** Reads the order in the body of a request. */
export async function readOrder(request: IncomingMessage): Promise<Order> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return orderSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
}
