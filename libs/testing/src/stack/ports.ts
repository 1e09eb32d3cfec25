import { createServer } from 'node:net';
import { DevStackError } from './stack-error.ts';

/** A port that is free now. Another process may take it before its use: callers retry with another. */
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/** Rejects at once, with a clear error, when a port that the user asked for is taken. */
export async function assertPortFree(port: number, what: string): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    throw new DevStackError(
      'PORT_TAKEN',
      `port ${port} on 127.0.0.1, asked for ${what}, is taken: stop what listens there, or ask for another port`,
      error,
    );
  }
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
  });
  return promise;
}
