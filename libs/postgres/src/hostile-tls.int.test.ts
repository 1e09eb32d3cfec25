import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { authority, type Certificate, issued, selfSigned } from '../../testing/src/fixture/certificates.ts';
import { connect } from './connect.ts';

/*
 * Servers that a client with sslmode=verify-full must refuse, with the cause and what to change, within its limit of time, and
 * without its password.
 */
const folder = mkdtempSync(join(tmpdir(), 'converge-hostile-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
authority(folder);
const good = issued(folder, 'good');
const TLS = `sslmode=verify-full&sslrootcert=${join(folder, 'ca.crt')}`;
/** AuthenticationCleartextPassword: what a server sends that wants the password. */
const ASKS = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** Asks a server for a connection that answers the request for TLS with `answer`. Returns the refusal, and all bytes that the server saw. */
async function refusal(
  answer: (socket: Socket, read: (bytes: Buffer) => void) => void,
  parameters = TLS,
  connectTimeoutMs = 60_000,
) {
  let seen = '';
  const read = (bytes: Buffer): void => void (seen += bytes.toString('latin1'));
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('data', read);
    socket.once('data', () => answer(socket, read));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `postgres://app:open-sesame@127.0.0.1:${port}/shop?${parameters}`;
  const database = connect({ url, connectTimeoutMs });
  onTestFinished(() => database.close());
  const error: unknown = await database.ping().then(
    () => 'open',
    (reason: unknown) => reason,
  );
  return { error, seen };
}

/** Agrees to TLS, and asks for the password as soon as there is a connection. */
const withCertificate =
  ({ certificate, privateKey }: Certificate, more: TLSSocketOptions = {}) =>
  (socket: Socket, read: (bytes: Buffer) => void): void => {
    socket.write('S');
    const secured = new TLSSocket(socket, { isServer: true, cert: certificate, key: privateKey, ...more });
    secured.on('error', () => undefined).on('data', read);
    secured.on('secure', () => secured.write(ASKS));
  };

const says = (code: string, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

it.each<[string, (socket: Socket, read: (bytes: Buffer) => void) => void, string, string?]>([
  ['offers no TLS', (socket) => void socket.write('N'), 'the server offers none'],
  [
    'answers with an error in place of an offer',
    (socket) => void socket.write('EFATAL\0'),
    'is none of Postgres',
  ],
  [
    'sends a request for the password in the packet of its offer',
    (socket) => void socket.write(Buffer.concat([Buffer.from('S'), ASKS])),
    'is none of Postgres',
  ],
  [
    'goes on in the clear after its offer',
    (socket) => {
      socket.write('S');
      // The next bytes are the client's first ones of the handshake.
      socket.once('data', () => socket.write(ASKS));
    },
    'the handshake failed',
  ],
  [
    'has a certificate of another name',
    withCertificate(issued(folder, 'other', { names: 'DNS:elsewhere.test' })),
    'is for another host',
  ],
  [
    'has a certificate that ended yesterday',
    withCertificate(issued(folder, 'expired', { days: -1 })),
    'has expired',
  ],
  ['has a certificate that it signed itself', withCertificate(selfSigned(folder, 'self')), 'PGSSLROOTCERT'],
  [
    'has a certificate of an authority that the client does not know',
    withCertificate(good),
    'PGSSLROOTCERT',
    'sslmode=verify-full',
  ],
  [
    'requires a certificate of the client',
    withCertificate(good, { requestCert: true, rejectUnauthorized: true }),
    'PGSSLCERT',
  ],
  [
    'is not asked, since the own certificate has another key',
    withCertificate(good),
    'PGSSLCERT and PGSSLKEY',
    `${TLS}&sslcert=${join(folder, 'good.crt')}&sslkey=${keyOfAnother()}`,
  ],
])('a server that %s is refused by its cause, and gets no password', async (_, answer, text, parameters) => {
  const { error, seen } = await refusal(answer, parameters);
  expect(error).toEqual(says('DATABASE_TLS_FAILED', text));
  expect(seen).not.toContain('open-sesame');
});

function keyOfAnother(): string {
  const path = join(folder, 'another.key');
  writeFileSync(path, issued(folder, 'another').privateKey);
  return path;
}

it.each<[string, (socket: Socket) => void]>([
  ['does not answer the request for TLS', () => undefined],
  ['does not answer in the handshake', (socket) => void socket.write('S')],
  [
    'sends its part of the handshake byte by byte',
    (socket) => {
      socket.write('S');
      const bytes = Buffer.from([0x16, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb]);
      let sent = 0;
      const timer = setInterval(() => socket.write(Buffer.of(bytes[sent++] ?? 1)), 20);
      socket.on('close', () => clearInterval(timer));
    },
  ],
])('a server that %s is refused when the limit of time is over', async (_, answer) => {
  const { error, seen } = await refusal(answer, TLS, 1_000);
  expect(error).toEqual(says('DATABASE_UNREACHABLE', 'no answer in time'));
  expect(seen).not.toContain('open-sesame');
});
