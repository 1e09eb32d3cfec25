import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { embeddedKafka, embeddedPostgres } from './embedded.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { faultProxy } from '../fault-proxy.ts';
import { elsewhere } from './instance.ts';
import { freePort } from './ports.ts';
import { identityOf } from './process-identity.ts';

const servers: EmbeddedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
});

async function started(making: Promise<EmbeddedServer>): Promise<EmbeddedServer> {
  const server = await making;
  servers.push(server);
  await server.start();
  return server;
}

async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded Postgres', () => {
  it('embedded Postgres is version 18 with the settings that the kit needs, reachable from this machine only, and starts with its data on its port after a stop and after a SIGKILL', async () => {
    const postgres = await started(embeddedPostgres());
    const { address } = postgres;
    const show = async (name: string): Promise<unknown> =>
      (await sql(address, `select current_setting('${name}') as value`))[0]!['value'];
    expect(await show('server_version')).toMatch(/^18\./);
    expect(await show('max_connections')).toBe('300');
    expect(await show('max_prepared_transactions')).toBe('20');
    expect(await show('listen_addresses')).toBe('127.0.0.1');
    expect(await show('unix_socket_directories')).toBe('');
    expect(await show('server_encoding')).toBe('UTF8');

    await sql(address, 'create table kept as select 1 as n');
    await postgres.restart();
    expect(postgres.address).toBe(address);
    await sql(address, 'insert into kept values (2)');
    await postgres.kill();
    await expect(sql(address, 'select 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    expect(await sql(address, 'select sum(n)::int as sum from kept')).toEqual([{ sum: 3 }]);
  });

  // Planted fault: with `--auth=trust` any user of the machine is its superuser, and runs programs as the user of the server.
  it('embedded Postgres refuses a session without the password of its address, for any role and for replication', async () => {
    const { address } = await started(embeddedPostgres());
    await sql(address, 'create role guest login');
    const { password } = new URL(address);
    expect(password).toMatch(/^[\w-]{24}$/);
    for (const user of ['postgres', 'guest'])
      for (const given of ['', 'postgres'])
        for (const query of ['', '?replication=database']) {
          const url = Object.assign(new URL(`${address}${query}`), { username: user, password: given });
          await expect(sql(url.href, 'select 1'), url.href).rejects.toThrow(/password/);
        }
  });

  it('embedded Postgres accepts server settings of the caller, which override those of the kit, stops under open connections, and leaves neither process nor data', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'stack-')); // 0700: user postgres may not pass, the copy takes over
    const settings = { wal_level: 'logical', max_connections: 50, application_name: "o'clock" };
    try {
      const postgres = await started(embeddedPostgres({ dataDir, settings }));
      expect(await sql(postgres.address, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
      expect(await sql(postgres.address, 'show max_connections')).toEqual([{ max_connections: '50' }]);
      const idle = new Client({ connectionString: postgres.address });
      idle.on('error', () => undefined);
      await idle.connect();
      const { pid } = postgres;
      await postgres.stop();
      const [instance = ''] = readdirSync(join(dataDir, 'stacks'));
      const logFile = join(dataDir, 'stacks', instance, 'postgres.log');
      const log = readFileSync(logFile, 'utf8');
      // Planted fault: any user of the machine could read the statements that failed, and their values.
      expect(statSync(logFile).mode & 0o777).toBe(0o600);
      expect(log).toContain('database system is shut down'); // asked, not killed
      const copies = elsewhere(join(dataDir, 'stacks', instance));
      await postgres.dispose();
      expect(identityOf(pid!)).toBeUndefined();
      expect(postgres.pid).toBeUndefined();
      expect(readdirSync(join(dataDir, 'stacks'))).toEqual([]);
      expect(copies.filter((path) => existsSync(path))).toEqual([]);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('embedded Postgres reports that the requested port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address!.port : 0;
    const postgres = await embeddedPostgres({ port });
    servers.push(postgres);
    await expect(postgres.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `port ${port} on 127.0.0.1, asked for Postgres, is taken: stop what listens there, or ask for another port`,
    });
    other.close();
  });
});

describe('embedded Kafka', () => {
  it('embedded Kafka advertises the address of the proxy before an additional listener, stores records, creates no topic by accident, and starts again with its log on its port', async () => {
    const door = await freePort();
    const proxy = await faultProxy({ target: `127.0.0.1:${door}` });
    onTestFinished(() => proxy.close());
    const broker = await started(embeddedKafka({ doors: [{ port: door, advertisedPort: proxy.port }] }));
    const behind = new Kafka({ brokers: [proxy.address], logLevel: logLevel.NOTHING }).admin();
    await behind.connect();
    expect((await behind.describeCluster()).brokers.map((one) => one.port)).toEqual([proxy.port]);
    await behind.disconnect();
    const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true });
    const producer = kafka.producer({ retry: { retries: 2 } });
    await producer.connect();
    await producer.send({ topic: 'kept', messages: [{ value: 'before' }] });
    await expect(producer.send({ topic: 'misspelt', messages: [{ value: 'x' }] })).rejects.toThrow();
    expect(await admin.listTopics()).not.toContain('misspelt');
    await Promise.all([producer.disconnect(), admin.disconnect()]);

    const { port, pid } = broker;
    await broker.restart();
    expect(broker.port).toBe(port);
    expect(identityOf(pid!)).toBeUndefined();
    await broker.kill();
    await broker.start();

    const consumer = kafka.consumer({ groupId: 'reader' });
    await consumer.connect();
    await consumer.subscribe({ topics: ['kept'], fromBeginning: true });
    const first = new Promise<string>((resolve) => {
      void consumer.run({
        eachMessage: ({ message }) => {
          resolve(message.value!.toString());
          return Promise.resolve();
        },
      });
    });
    expect(await first).toBe('before');
    await consumer.disconnect();
    const last = broker.pid!;
    await broker.dispose();
    expect(identityOf(last)).toBeUndefined();
  });
});
