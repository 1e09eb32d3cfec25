/**
 * The payment provider as a process: POST /charges and POST /refunds with `Idempotency-Key` and
 * `{ orderId, cents }`, answered after 5 ms; GET /ledger. Its port is the first argument.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { type Kind, Ledger } from './ledger.ts';

/** The time that the provider takes for a call, in milliseconds. */
const TAKES_MS = 5;

const body = z.object({ orderId: z.string(), cents: z.int().positive() });
const ledger = new Ledger();

createServer((request, response) => {
  void answer(request, response).catch(() => response.writeHead(400).end());
}).listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ledger.entries));
    return;
  }
  const kind: Kind = request.url === '/refunds' ? 'refund' : 'charge';
  const key = z.string().parse(request.headers['idempotency-key']);
  const { orderId, cents } = body.parse(JSON.parse(await textOf(request)));
  ledger.apply({ key, kind, orderId, cents });
  setTimeout(() => response.writeHead(204).end(), TAKES_MS);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
