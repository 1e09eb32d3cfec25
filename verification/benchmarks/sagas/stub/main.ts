/**
 * The payment provider as a process: POST /charges and POST /refunds with `Idempotency-Key` and
 * `{ orderId, cents }`, answered after 5 ms; GET /ledger. Its port is the first argument.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { Kind, LedgerEntry } from './provider.ts';

/** The time that the provider takes for a call, in milliseconds. */
const TAKES_MS = 5;

const body = z.object({ orderId: z.string(), cents: z.int().positive() });
/** One effect for each idempotency key. */
const ledger = new Map<string, LedgerEntry>();

createServer((request, response) => {
  void answer(request, response).catch(() => response.writeHead(400).end());
}).listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([...ledger.values()]));
    return;
  }
  const kind: Kind = request.url === '/refunds' ? 'refund' : 'charge';
  const key = z.string().parse(request.headers['idempotency-key']);
  const paid = body.parse(await json(request));
  const known = ledger.get(key) ?? { key, kind, ...paid, calls: 0 };
  ledger.set(key, { ...known, calls: known.calls + 1 });
  setTimeout(() => response.writeHead(204).end(), TAKES_MS);
}
