import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  classify,
  deadlineHeaders,
  httpAnswer,
  operation,
  type OperationGuards,
  type Policy,
  readDeadline,
} from '@convergekit/resilience';

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** An HTTP server on a free port of this machine. */
export async function serve(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  const { promise: listening, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => resolve(undefined));
  await listening;
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      const closed = Promise.withResolvers<undefined>();
      server.close(() => closed.resolve(undefined));
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

function deadlineOf({ headers }: IncomingMessage): Date | undefined {
  const text = headers['ce_deadline'];
  return readDeadline(typeof text === 'string' ? text : undefined);
}

/**
 * The last service. The leaf counts every request that reaches it; while it is down it drops the connection instead of
 * answering.
 */
export interface Leaf extends Served {
  readonly requests: number;
  /** The latest deadline that a request brought; 0 before the first. */
  readonly latestDeadline: number;
  down: boolean;
}

export async function startLeaf(): Promise<Leaf> {
  let [requests, latestDeadline, down] = [0, 0, false];
  const served = await serve((request, response) => {
    requests += 1;
    latestDeadline = Math.max(latestDeadline, deadlineOf(request)?.getTime() ?? Number.POSITIVE_INFINITY);
    if (down) request.socket.destroy();
    else response.writeHead(200).end();
  });
  return {
    ...served,
    get requests() {
      return requests;
    },
    get latestDeadline() {
      return latestDeadline;
    },
    get down() {
      return down;
    },
    set down(value) {
      down = value;
    },
  };
}

/** Starts a service in the middle: answers after the next service, and passes the caller's deadline on. */
export function startHop(
  name: string,
  next: string,
  guards: OperationGuards,
  policy?: Policy,
): Promise<Served> {
  const callNext = operation<undefined, undefined>({
    name,
    idempotency: 'idempotent',
    ...(policy === undefined ? {} : { policy }),
    call: async (_, { signal, deadline }) => {
      const answer = await fetch(next, { signal, headers: deadlineHeaders(deadline) });
      await answer.arrayBuffer();
      if (!answer.ok)
        throw Object.assign(new Error('refused'), { status: answer.status, headers: answer.headers });
      return undefined;
    },
  });
  return serve((request, response) => {
    callNext.run(undefined, { ...guards, deadline: deadlineOf(request) }).then(
      () => response.writeHead(200).end(),
      (error: unknown) => {
        const { status, headers } = httpAnswer(classify(error));
        response.writeHead(status, headers).end();
      },
    );
  });
}
