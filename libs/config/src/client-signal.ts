import type { ServerResponse } from 'node:http';

/**
 * Returns a signal that aborts when the client of a request has gone before its answer was sent, for what it waits for:
 * `outbox.transaction(db, { signal }, …)`.
 * @example
 * ```ts
 * import type { IncomingMessage, ServerResponse } from 'node:http';
 * import { clientSignal } from 'convergekit/http';
 * import { database, orderPlaced, outbox } from './shop.ts';
 *
 * export async function place(_: IncomingMessage, response: ServerResponse): Promise<void> {
 *   const signal = clientSignal(response); // a client that has gone waits for no connection and no lock
 *   await outbox.transaction(database.db, { signal }, ({ emit }) =>
 *     Promise.resolve(emit(orderPlaced({ orderId: 'o-1', cents: 4_999 }))));
 *   response.writeHead(202).end();
 * }
 * ```
 */
export function clientSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => {
    if (!response.writableFinished) gone.abort(new Error('the client has gone'));
  };
  if (response.closed) abort();
  else response.once('close', abort);
  return gone.signal;
}
