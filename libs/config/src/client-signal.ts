import type { ServerResponse } from 'node:http';

/**
 * Returns a signal that aborts when the client of a request has gone before its answer was sent, for what it waits for:
 * `outbox.transaction(db, { signal }, …)`.
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
