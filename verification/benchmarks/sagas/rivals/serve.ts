import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

interface Answer {
  readonly status: number;
  /** Sent as JSON. @default nothing */
  readonly body?: unknown;
}

/**
 * Serves a process beside the kit on a port of loopback, until SIGTERM. A POST is answered by `post`, from its body and its path;
 * anything else says that the process is ready.
 */
export function serve(port: number, post: (body: unknown, path: string) => Promise<Answer>): void {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, body }: Answer =
      request.method === 'POST' ? await post(await json(request), request.url ?? '') : { status: 200 };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? '' : JSON.stringify(body));
  };
  createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(port, '127.0.0.1');
  process.once('SIGTERM', () => process.exit(0));
}
