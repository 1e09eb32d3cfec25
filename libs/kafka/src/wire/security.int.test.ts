import { pbkdf2Sync, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import {
  alterUserScramCredentialsV0,
  ConfigResourceTypes,
  Connection,
  IncrementalAlterConfigOperationTypes,
  incrementalAlterConfigsV1,
  ScramMechanisms,
} from '@platformatic/kafka';
import { embeddedKafka, type EmbeddedServer, freePorts } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Broker } from '@convergekit/broker/engine';
import { collect, record, values, written } from '@convergekit/broker/contract';
import { waitUntil } from '@convergekit/testing';
import { authority, issued, selfSigned } from '../../../testing/src/fixture/certificates.ts';
import { drivers } from '../fixture/drivers.ts';
import type { KafkaOptions } from './wire-broker.ts';

/*
 * A real Kafka behind TLS and a login, for both drivers.
 * Code that was removed once, and a test here failed: the check of the server's certificate.
 */
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const RELAY = { username: 'relay', password: 'open sesame = 1' };
/** Its password is changed while it is connected, once for each driver. */
const ROTATED = { username: 'rotated', password: 'first' };
const STRANGER = { username: 'stranger', password: 'friend' };

const folder = mkdtempSync(join(tmpdir(), 'converge-tls-'));
let kafka: EmbeddedServer;
let address: string;
/** A listener whose sessions log in again after two seconds. */
let short: string;
let ca: string;

beforeAll(async () => {
  ca = authority(folder).certificate;
  const server = issued(folder, 'localhost');
  const [port = 0, shortPort = 0] = await freePorts(2);
  address = `127.0.0.1:${port}`;
  short = `127.0.0.1:${shortPort}`;
  const listener = 'listener.name.door0';
  const security = 'org.apache.kafka.common.security';
  kafka = await embeddedKafka({
    doors: [
      { port, advertisedPort: port, protocol: 'SASL_SSL' },
      { port: shortPort, advertisedPort: shortPort, protocol: 'SASL_PLAINTEXT' },
    ],
    scramUsers: [RELAY, STRANGER, ROTATED].map(({ username, password }) => ({ name: username, password })),
    settings: {
      // Each thread has the certificate for itself, and gets another one at another time.
      'num.network.threads': '1',
      [`${listener}.ssl.keystore.type`]: 'PEM',
      [`${listener}.ssl.keystore.location`]: server.file,
      [`${listener}.sasl.enabled.mechanisms`]: MECHANISMS.map((name) => name.toUpperCase()).join(),
      [`${listener}.plain.sasl.jaas.config`]: `${security}.plain.PlainLoginModule required user_relay='${RELAY.password}';`,
      [`${listener}.scram-sha-256.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
      [`${listener}.scram-sha-512.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
      'listener.name.door1.sasl.enabled.mechanisms': 'SCRAM-SHA-512',
      'listener.name.door1.scram-sha-512.sasl.jaas.config': `${security}.scram.ScramLoginModule required;`,
      'listener.name.door1.scram-sha-512.connections.max.reauth.ms': '2000',
      // Users without an entry have no access.
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:relay;User:rotated',
    },
  });
  await kafka.start();
});

afterAll(async () => {
  await kafka.dispose();
  rmSync(folder, { recursive: true });
});

describe.each(drivers)('behind TLS and a login, the %s driver', (name, connect) => {
  const open = (options: Partial<KafkaOptions>): Broker => {
    const broker = connect({ brokers: [address], clientId: 'secure', ...options });
    onTestFinished(() => broker.close());
    return broker;
  };

  it.each(MECHANISMS)('a client writes and reads in a group after a login by %s', async (mechanism) => {
    const broker = open({ ssl: { ca }, sasl: { mechanism, ...RELAY } });
    const topic = `${name}-${mechanism}`;
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    written((await producer.send([{ topic, partition: 0, records: [record('secret')] }]))[0]);
    expect(values(await collect(admin.read(topic, 0, 0n, 10n)))).toEqual(['secret']);
    const seen: string[] = [];
    const consumer = broker.consumer({
      groupId: topic,
      topics: [topic],
      handlers: {
        assigned: () => Promise.resolve(new Map()),
        revoked: () => undefined,
        batch: (batch) => Promise.resolve(void seen.push(...values(batch.records).map(String))),
      },
    });
    await consumer.start();
    await waitUntil(() => seen.length === 1, { what: 'the record' });
    await consumer.stop();
  });

  it.each(MECHANISMS)('a client reports a wrong password as such, with %s', async (mechanism) => {
    const broker = open({ ssl: { ca }, sasl: { mechanism, ...RELAY, password: 'guess' } });
    await expect(broker.producer()).rejects.toMatchObject({
      code: 'NOT_AUTHENTICATED',
      kind: 'configuration',
      certainty: 'not_applied',
    });
  });

  it('a client refuses a certificate of an unknown authority', async () => {
    const broker = open({ ssl: true, sasl: { mechanism: 'scram-sha-512', ...RELAY } });
    await expect(broker.producer()).rejects.toMatchObject({ code: 'TLS_FAILED', kind: 'configuration' });
  });

  it('a client whose file has the next authority before the present one accepts the present one', async () => {
    const next = selfSigned(folder, 'next').certificate;
    const broker = open({ ssl: { ca: `${next}${ca}` }, sasl: { mechanism: 'scram-sha-512', ...RELAY } });
    await (await broker.producer()).close();
  });

  it('a client refuses a certificate of another host', async () => {
    const ssl = { ca, servername: 'elsewhere.test' };
    const broker = open({ ssl, sasl: { mechanism: 'scram-sha-512', ...RELAY } });
    await expect(broker.producer()).rejects.toMatchObject({ code: 'TLS_FAILED', kind: 'configuration' });
  });

  it('a client goes on where the certificate of its broker ends and is renewed: its connections stay, and the next ones are opened', async () => {
    const secure = { ssl: { ca }, sasl: { mechanism: 'scram-sha-512', ...RELAY } } as const;
    const broker = open(secure);
    const topic = `${name}-renewed`;
    await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    const send = async () => (await producer.send([{ topic, partition: 0, records: [record('x')] }]))[0];
    written(await send());
    await renew({ days: -1 });
    await expect(open(secure).producer()).rejects.toMatchObject({ code: 'TLS_FAILED' });
    written(await send());
    await renew();
    await (await open(secure).producer()).close();
    written(await send());
  });

  it('a client without TLS at a TLS port names TLS in its error', async () => {
    await expect(open({}).producer()).rejects.toThrow(/TLS/);
  });

  it('a write without permission halts the topic', async () => {
    const broker = open({ ssl: { ca }, sasl: { mechanism: 'scram-sha-512', ...RELAY } });
    const topic = `${name}-forbidden`;
    await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
    const stranger = open({ ssl: { ca }, sasl: { mechanism: 'scram-sha-512', ...STRANGER } });
    const producer = await stranger.producer();
    const [refused] = await producer.send([{ topic, partition: 0, records: [record('x')] }]);
    expect(refused).toMatchObject({ ok: false, error: { code: 'NOT_AUTHORIZED', kind: 'halt_topic' } });
  });

  it('a client whose password is changed goes on until its session ends, and is refused by that cause then; one with the new password goes on', async () => {
    const now = {
      mechanism: 'scram-sha-512',
      ...ROTATED,
      password: passwords.get(ROTATED.username) ?? '',
    } as const;
    let warned: unknown;
    const log = (_level: string, message: string, details: object): void => {
      if (/it is retried$/.test(message)) warned = (details as { error?: unknown }).error;
    };
    const broker = connect({ brokers: [short], clientId: 'rotated', sasl: now, log });
    onTestFinished(() => broker.close());
    const topic = `${name}-rotated`;
    await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    const send = async (through = producer) =>
      (await through.send([{ topic, partition: 0, records: [record('x')] }]))[0];
    const offsets: bigint[] = [];
    const consumer = broker.consumer({
      groupId: topic,
      topics: [topic],
      handlers: {
        assigned: () => Promise.resolve(new Map([[`${topic}/0`, 0n]])),
        revoked: () => undefined,
        batch: ({ records }) => {
          offsets.push(...records.map(({ offset }) => offset));
          return Promise.resolve();
        },
      },
    });
    onTestFinished(() => consumer.stop());
    let ended: unknown;
    consumer.done.catch((error: unknown) => (ended = error));
    await consumer.start();
    written(await send());
    const password = await changePassword(ROTATED.username);
    const refused = await waitUntil(
      async () => {
        const sent = await send();
        return sent?.ok === false && sent.error.code === 'NOT_AUTHENTICATED' ? sent.error : undefined;
      },
      { what: 'a refused send' },
    );
    expect(refused).toMatchObject({ kind: 'configuration', certainty: 'not_applied' });
    const why = await waitUntil(() => ended ?? warned, { what: 'the member to say why it waits' });
    expect([ended, why]).toMatchObject([undefined, { code: 'NOT_AUTHENTICATED', kind: 'configuration' }]);
    const next = connect({ brokers: [short], clientId: 'rotated', sasl: { ...now, password } });
    onTestFinished(() => next.close());
    written(await send(await next.producer()));
    await changePassword(ROTATED.username, now.password);
    await waitUntil(() => offsets.includes(1n), { what: 'the member to go on where it was' });
    expect(ended).toBeUndefined();
  });
});

/** Sends an operator's request at the broker's own address. A process of Kafka's tools costs seconds. */
async function operate(request: (connection: Connection) => Promise<unknown>): Promise<void> {
  const [host = '', port] = kafka.address.split(':');
  const connection = new Connection('operator');
  await connection.connect(host, Number(port));
  await request(connection);
  await connection.close();
}

/** Gives the broker another certificate of its authority, and waits until it shows that one. */
async function renew(of: { readonly days?: number } = {}): Promise<void> {
  const { certificate, file } = issued(folder, 'localhost', of);
  const change = {
    name: 'listener.name.door0.ssl.keystore.location',
    configOperation: IncrementalAlterConfigOperationTypes.SET,
    value: file,
  };
  const broker = { resourceType: ConfigResourceTypes.BROKER, resourceName: '1', configs: [change] };
  await operate((connection) => incrementalAlterConfigsV1.api.async(connection, [broker], false));
  const shown = new X509Certificate(certificate).fingerprint256;
  await waitUntil(async () => (await fingerprint()) === shown, { what: 'the new certificate' });
}

/** Reads the fingerprint of the certificate that the broker shows. */
async function fingerprint(): Promise<string> {
  const [host, port] = address.split(':');
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

const passwords = new Map([[ROTATED.username, ROTATED.password]]);

/** Gives a user another password, as an operator does. */
async function changePassword(name: string, password = `${passwords.get(name) ?? ''}-next`): Promise<string> {
  const [salt, iterations] = [randomBytes(16), 4096];
  const saltedPassword = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  const change = { name, mechanism: ScramMechanisms.SCRAM_SHA_512, iterations, salt, saltedPassword };
  await operate((connection) => alterUserScramCredentialsV0.api.async(connection, [], [change]));
  passwords.set(name, password);
  return password;
}
