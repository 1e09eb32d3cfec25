import { createServer } from 'node:net';
import { type Random, systemRandom } from '@convergekit/core';
import { DevStackError } from './stack-error.ts';

/** The ports to choose from. Systems take the ports of outgoing connections from above (Linux: from 32768). */
export const PORTS = Object.freeze({ from: 20_000, to: 32_767 });

/** The ports that this process was given: a process that was killed finds its port free when it starts again. */
const given = new Set<number>();

/**
 * Returns a port that is free now, a different one at each call. Another process may still take it before its use, so
 * callers retry with another.
 */
export async function freePort(random: Random = systemRandom): Promise<number> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const port = PORTS.from + Math.floor(random() * (PORTS.to - PORTS.from + 1));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new DevStackError(
    'PORT_TAKEN',
    `no port from ${PORTS.from} to ${PORTS.to} could be found free: stop what listens there (ss -ltn shows it)`,
  );
}

/** Returns several free ports, all different. */
export function freePorts(count: number): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()));
}

/** Rejects at once, with a clear error, when a port that the user asked for is taken. */
export async function assertPortFree(port: number, what: string): Promise<void> {
  try {
    await listenOnce(port, '127.0.0.1');
  } catch (error) {
    throw new DevStackError(
      'PORT_TAKEN',
      `port ${port} on 127.0.0.1, asked for ${what}, is taken: stop what listens there, or ask for another port`,
      error,
    );
  }
}

/** Checks all interfaces: some servers listen on each of them. */
function isFree(port: number): Promise<boolean> {
  return listenOnce(port, '0.0.0.0').then(
    () => true,
    () => false,
  );
}

async function listenOnce(port: number, host: string): Promise<void> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen(port, host, () => server.close(() => resolve(undefined)));
  await promise;
}
