import {
  classify,
  deadlineHeaders,
  defaultPolicy,
  httpAnswer,
  operation,
  type OperationGuards,
  type Policy,
  policyBook,
  readDeadline,
  SharedGuards,
} from '@convergekit/resilience';
import { systemClock as clock, systemRandom as random } from '@convergekit/core';
import type { IncomingMessage, RequestListener } from 'node:http';
import { httpServer } from '@convergekit/config';

interface Served {
  readonly url: string;
  close(): Promise<void>;
}

async function serve(listener: RequestListener): Promise<Served> {
  const server = httpServer({ name: 'chain', port: 0, listener });
  await server.start();
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop() };
}

function deadlineOf({ headers }: IncomingMessage): Date | undefined {
  const text = headers['ce_deadline'];
  return readDeadline(typeof text === 'string' ? text : undefined);
}

/**
 * Starts the last service, which counts every request that reaches it; while it is down it drops the connection instead of
 * answering.
 */
async function startLeaf() {
  // The latest deadline that a request brought; 0 before the first.
  const leaf = { requests: 0, latestDeadline: 0, down: false };
  const served = await serve((request, response) => {
    leaf.requests += 1;
    const deadline = deadlineOf(request)?.getTime() ?? Number.POSITIVE_INFINITY;
    leaf.latestDeadline = Math.max(leaf.latestDeadline, deadline);
    if (leaf.down) request.socket.destroy();
    else response.writeHead(200).end();
  });
  return Object.assign(leaf, served);
}

/** Starts a service in the middle: answers after the next service, and passes the caller's deadline on. */
function startHop(name: string, next: string, guards: OperationGuards, policy?: Policy): Promise<Served> {
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

/**
 * guarded   the hop next to the leaf owns the retry, 4 attempts; budgets, breakers and deadlines on both, by default
 * naive     each hop retries, 4 attempts, and nothing bounds them
 */
export type Style = 'guarded' | 'naive';

export type Chain = Awaited<ReturnType<typeof startChain>>;

/** The time that a client waits, in milliseconds. */
const CLIENT_MS = 2_000;

const backoff = { ...defaultPolicy.backoff, capMs: 1_000 };
const naive: Policy = { ...defaultPolicy, attempts: 4, backoff };

/** Starts three services in a row: front → middle → leaf. */
export async function startChain(style: Style) {
  const leaf = await startLeaf();
  const policy = style === 'naive' ? naive : undefined;
  const middle = await startHop('leaf.read', leaf.url, guardsOf(style), policy);
  const front = await startHop('middle.read', middle.url, guardsOf(style), policy);
  const chain = {
    leaf,
    /** The deadline of the latest call, as a time. */
    lastDeadline: 0,
    /** Makes one call of a client; returns true when it was answered with 200. */
    call: async (): Promise<boolean> => {
      chain.lastDeadline = clock.now() + CLIENT_MS;
      try {
        const answer = await fetch(front.url, {
          headers: deadlineHeaders(new Date(chain.lastDeadline)),
          signal: AbortSignal.timeout(CLIENT_MS),
        });
        await answer.arrayBuffer();
        return answer.ok;
      } catch {
        return false;
      }
    },
    close: async (): Promise<void> => {
      for (const service of [front, middle, leaf]) await service.close();
    },
  };
  return chain;
}

/** The guards of one hop: each hop stands for a separate process, so none are shared. */
function guardsOf(style: Style): OperationGuards {
  if (style === 'naive') return { clock, random };
  const policies = policyBook({ leaf: { attempts: 4, backoff }, middle: { attempts: 1 } });
  return { clock, random, shared: new SharedGuards({ policies, clock, random }) };
}
