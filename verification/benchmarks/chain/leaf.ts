import { DEADLINE_HEADER } from '@convergekit/resilience/engine';
import { readDeadline } from '@convergekit/resilience';
import { serve, type Served } from './server.ts';

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
    const text = request.headers[DEADLINE_HEADER];
    const deadline = readDeadline(typeof text === 'string' ? text : undefined);
    latestDeadline = Math.max(latestDeadline, deadline?.getTime() ?? Number.POSITIVE_INFINITY);
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
