import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { type Part, defineService, type ServiceDefinition } from 'convergekit';
import { ready } from './director.ts';

/** More attempts than the script has failures that pass: of a workflow, the last one would decide. */
const calls = { attempts: 4, attemptTimeoutMs: 5_000, deadlineMs: 15_000, backoff: { capMs: 200 } };
const retries = { baseMs: 200, factor: 2, capMs: 1_000 };
/** A bug is given up after its attempts in place. */
const giveUp = { afterMs: 0, perHour: 'unbounded' } as const;
/** So long that only an operator ends the wait. */
const never = { baseMs: 86_400_000, factor: 2, capMs: 86_400_000 };

/** What a request to a service asks for. */
export interface Asked {
  readonly op: string;
  readonly key: string;
  readonly data: unknown;
}

type Definition<DB> = Omit<ServiceDefinition<DB>, 'parts'>;
type Parts<DB> = Parameters<NonNullable<ServiceDefinition<DB>['parts']>>[0];

/**
 * Runs a service with short waits, and leases that outlast a busy machine. `waits`: parked events wait for an operator.
 * Everything that is asked of the service from outside is one request, which may be repeated.
 */
export async function serve<DB>(
  name: string,
  definition: Definition<DB>,
  {
    waits = false,
    answer,
  }: { waits?: boolean; answer: (asked: Asked, parts: Parts<DB>) => Promise<unknown> },
): Promise<void> {
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const schedule = { fast: waits ? never : retries, fastAttempts: 1_000, slow: never, withinMs: 864_000_000 };
  const parking = { schedule, pollMs: 100, systemic: { keys: 10_000, withinMs: 60_000 } };
  await defineService<DB>(name, {
    ...definition,
    relay: true,
    policies: {
      default: calls,
      consumer: { attempts: 3, attemptTimeoutMs: 20_000, deadlineMs: 120_000, giveUp },
    },
    tuning: {
      consumers: { parking, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, watchMs: 500 },
      worker: { leaseMs: 6_000, leaseMarginMs: 2_000, stuckAfterMs: 3_600_000 },
    },
    parts: (parts) => [http(name, (asked) => answer(asked, parts))],
  }).run();
}

/** A workflow that has not ended is asked for again. */
function isOpen(error: unknown): boolean {
  const { code = '' } = error as { readonly code?: string };
  return ['WORKFLOW_BUSY', 'WORKFLOW_UNFINISHED', 'WORKFLOW_INTERRUPTED'].includes(code);
}

/** A server of its own: both builds have the same, and the director learns its port. */
function http(name: string, answer: (asked: Asked) => Promise<unknown>): Part {
  const handle = async (request: IncomingMessage): Promise<string> => {
    return JSON.stringify((await answer((await json(request)) as Asked)) ?? null);
  };
  const server = createServer((request, response) => {
    handle(request).then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(isOpen(error) ? 503 : 500).end(String(error)),
    );
  });
  const done = Promise.withResolvers<undefined>();
  const start = async (): Promise<void> => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await ready((server.address() as AddressInfo).port);
  };
  const stop = async (): Promise<void> => {
    server.close(() => done.resolve(undefined));
    server.closeAllConnections();
    await done.promise;
  };
  return { name: `${name}-http`, start, stop, done: done.promise };
}
