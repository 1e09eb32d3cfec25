import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

const SSL_REQUEST = 80_877_103;

/**
 * Answers every login as Postgres answers a wrong password. The development stack trusts local connections, so a real
 * refusal cannot be had there.
 */
export async function refusingPostgres(): Promise<{ readonly port: number; close(): void }> {
  const fields = ['SFATAL', 'VFATAL', 'C28P01', 'Mpassword authentication failed for user "ann"'];
  const body = Buffer.from(`${fields.join('\0')}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(body.length + 4, 1);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (data.length === 8 && data.readInt32BE(4) === SSL_REQUEST) socket.write('N');
      else socket.end(Buffer.concat([head, body]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
