import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';

/**
 * Asks a Kafka broker for its cluster id: the readiness check. An open port is none, since another process may listen
 * there. The request is a Metadata request, version 4 (protocol guide: https://kafka.apache.org/protocol), naming no
 * topic. undefined when no ready broker answers within a second.
 */
export async function clusterIdAt(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = createConnection({ host: '127.0.0.1', port });
  let received = Buffer.alloc(0);
  socket.setTimeout(1_000, () => resolve(undefined));
  socket.once('error', () => resolve(undefined));
  socket.once('close', () => resolve(undefined));
  socket.once('connect', () => socket.write(metadataRequest()));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) resolve(parse(received));
  });
  return promise.finally(() => socket.destroy());
}

const API_METADATA = 3;
const VERSION = 4;
const CORRELATION = 1;

function metadataRequest(): Buffer {
  const client = Buffer.from('converge-stack');
  const body = Buffer.alloc(10 + client.length + 5);
  body.writeInt16BE(API_METADATA, 0);
  body.writeInt16BE(VERSION, 2);
  body.writeInt32BE(CORRELATION, 4);
  body.writeInt16BE(client.length, 8);
  client.copy(body, 10);
  body.writeInt32BE(0, 10 + client.length); // no topics; the byte after it: do not create any
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length, 0);
  return Buffer.concat([size, body]);
}

/** size, correlation, throttle time, brokers [id, host, port, rack], cluster id. No broker yet = not ready. */
function parse(response: Buffer): string | undefined {
  try {
    let at = 12;
    const text = (): string | undefined => {
      const length = response.readInt16BE(at);
      at += 2 + Math.max(length, 0);
      return length < 0 ? undefined : response.toString('utf8', at - length, at);
    };
    const brokers = response.readInt32BE(at);
    at += 4;
    for (let index = 0; index < brokers; index += 1) {
      at += 4;
      text();
      at += 4;
      text();
    }
    return brokers === 0 ? undefined : text();
  } catch {
    return undefined;
  }
}

/** Creates a cluster id: 16 bytes in base64url. An id that begins with a dash would read as an option. */
export function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
