import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  authority,
  type Certificate,
  issued,
  selfSigned,
} from '../../../testing/src/fixture/certificates.ts';
import { drivers } from '../fixture/drivers.ts';
import type { KafkaOptions } from './wire-broker.ts';

/*
 * Servers that a client with TLS must refuse, with the cause and the setting, within its limit of time, and without its password.
 */
const folder = mkdtempSync(join(tmpdir(), 'converge-hostile-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ca = authority(folder).certificate;
const good = issued(folder, 'good');
const sasl = { mechanism: 'plain', username: 'relay', password: 'open-sesame' } as const;

/** Starts a server. Returns its address, and what reached it. */
async function started(server: Server): Promise<{ readonly address: string; readonly read: () => string }> {
  let read = '';
  const watch = (socket: Socket): unknown =>
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => (read += bytes.toString('latin1')));
  server
    .on('connection', watch)
    .on('secureConnection', watch)
    .on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, read: () => read };
}

const withCertificate = ({ certificate, privateKey }: Certificate, more: TlsOptions = {}): Server =>
  createTlsServer({ cert: certificate, key: privateKey, ...more });

/** Sends the start of a message of the handshake, byte by byte, and never its end. */
function trickle(socket: Socket): void {
  const bytes = Buffer.from([0x16, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb]);
  let sent = 0;
  const timer = setInterval(() => socket.write(Buffer.of(bytes[sent++] ?? 1)), 20);
  socket.on('close', () => clearInterval(timer));
}

describe.each(drivers)('a server that is not Kafka’s, and the %s driver with TLS', (_, connect) => {
  const refusal = async (address: string, options: Partial<KafkaOptions> = {}): Promise<unknown> => {
    const all = {
      brokers: [address],
      clientId: 'c',
      ssl: { ca },
      sasl,
      connectTimeoutMs: 60_000,
      ...options,
    };
    const client = connect(all);
    onTestFinished(() => client.close());
    return client.producer().then(
      () => 'open',
      (error: unknown) => error,
    );
  };
  const says = (code: string, text: string): unknown =>
    expect.objectContaining({ code, message: expect.stringContaining(text) as string });

  it.each<[string, () => Server, string, Partial<KafkaOptions>?]>([
    [
      'has a certificate of another name',
      () => withCertificate(issued(folder, 'other', { names: 'DNS:elsewhere.test' })),
      'is for another host',
    ],
    [
      'has a certificate that ended yesterday',
      () => withCertificate(issued(folder, 'expired', { days: -1 })),
      'has expired',
    ],
    [
      'has a certificate that it signed itself',
      () => withCertificate(selfSigned(folder, 'self')),
      'CONVERGE__KAFKA__TLS__CA_FILE',
    ],
    [
      'has a certificate of an authority that the client does not know',
      () => withCertificate(good),
      'CONVERGE__KAFKA__TLS__CA_FILE',
      { ssl: true },
    ],
    [
      'requires a certificate of the client',
      () => withCertificate(good, { requestCert: true, maxVersion: 'TLSv1.2' }),
      'CONVERGE__KAFKA__TLS__CERTIFICATE_FILE',
    ],
    [
      'has only a version of TLS that is too old',
      () =>
        withCertificate(good, {
          minVersion: 'TLSv1',
          maxVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
        }),
      'the handshake failed',
    ],
    [
      'answers in the clear',
      () =>
        createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
      'Check that Kafka with TLS listens there',
    ],
    [
      'is not asked, since the own certificate has another key',
      () => withCertificate(good),
      'CONVERGE__KAFKA__TLS__PRIVATE_KEY_FILE',
      { ssl: { ca, cert: good.certificate, key: issued(folder, 'key').privateKey } },
    ],
  ])('a server that %s is refused by its cause and the setting, and gets no password', async (...row) => {
    const [, server, text, options] = row;
    const { address, read } = await started(server());
    expect(await refusal(address, options)).toEqual(says('TLS_FAILED', text));
    expect(read()).not.toContain(sasl.password);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['does not answer', () => undefined],
    ['sends its part byte by byte', trickle],
  ])('a handshake in which the server %s ends with the limit of time', async (_what, answer) => {
    const { address, read } = await started(createServer(answer));
    const refused = await refusal(address, { connectTimeoutMs: 1_000 });
    expect(refused).toEqual(says('BROKER_UNREACHABLE', 'do the TLS and SASL settings match'));
    expect(read()).not.toContain(sasl.password);
  });

  it('a port of Kafka without TLS is an outage whose text names the setting', async () => {
    const [address = ''] = inject('stack').brokers.split(',');
    expect(await refusal(address)).toEqual(says('BROKER_UNREACHABLE', 'do the TLS and SASL settings match'));
  });
});
