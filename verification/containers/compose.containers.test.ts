import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { freePorts } from '@convergekit/testing/engine';
import { dockerEngine } from '../../libs/testing/src/stack/docker-package.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// Libraries of it listen to signals as soon as they are loaded, which must not be in the middle of a test file.
import 'testcontainers';
import {
  type Compose,
  composeMissing,
  composeProject,
  type Container,
  crash,
  docker,
  serviceOf,
} from './compose.ts';

interface Order {
  readonly orderId: string;
  readonly state: string;
}

/**
 * Places an order and waits until it has gone through all services. Repeats the request with its key while the shop does
 * not answer. Resolves with the time from the first request, in milliseconds.
 */
async function confirmedOrder(url: string): Promise<number> {
  const start = systemClock.monotonic();
  const body = JSON.stringify({
    country: 'CH',
    lines: [{ sku: 'article-1', quantity: 1, unitCents: 4_200 }],
  });
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const placed = await waitUntil(() => answerOf(`${url}/orders`, 201, { method: 'POST', headers, body }), {
    what: `an answer of ${url}/orders`,
  });
  await waitUntil(
    async () => {
      const order = await answerOf(`${url}/orders/${placed.orderId}`, 200);
      if (order?.state === 'cancelled') throw new Error(`order ${placed.orderId} was cancelled`);
      return order?.state === 'confirmed';
    },
    // A crashed broker has to start first, within the limits of its container.
    { what: `the confirmation of order ${placed.orderId}`, deadlineMs: 400_000 },
  );
  return systemClock.monotonic() - start;
}

/** Asks once. Resolves with undefined when nothing answers, or not with this status. */
async function answerOf(url: string, status: number, request: RequestInit = {}): Promise<Order | undefined> {
  const answer = async (): Promise<Order | undefined> => {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(5_000) });
    return response.status === status ? ((await response.json()) as Order) : undefined;
  };
  return answer().catch(() => undefined);
}

const note = (line: string): void => void process.stderr.write(`containers: ${line}\n`);
const bases = ['node:24-slim', 'postgres:18', 'apache/kafka:4.3.1'];

async function requireDocker(): Promise<void> {
  const engine = await dockerEngine();
  const state = await engine?.prepareDocker(bases, note);
  const why = state?.ready === true ? await composeMissing() : state?.why;
  if (state === undefined || why !== undefined) throw new Error(why ?? 'testcontainers is not installed');
}

// One project for all tests, in their order: starting it takes longer than all of them.
describe('the shop in containers', () => {
  const servers = ['postgres', 'kafka'];
  let compose: Compose;
  let image: string;
  let ordersUrl: string;

  /** The containers of our image that keep running. */
  const processes = async (): Promise<readonly Container[]> =>
    (await compose.containers()).filter((one) => ![...servers, 'prepare'].includes(serviceOf(one)));

  beforeAll(async () => {
    await requireDocker();
    const name = `converge-${randomBytes(4).toString('hex')}`;
    image = `${name}:test`;
    const [orders = 0, provider = 0, console = 0, postgres = 0, kafka = 0] = await freePorts(5);
    ordersUrl = `http://127.0.0.1:${orders}`;
    compose = composeProject(name, {
      CONVERGE_IMAGE: image,
      COMPOSE_PROFILES: 'shop',
      ORDERS_PORT: String(orders),
      PROVIDER_PORT: String(provider),
      CONSOLE_PORT: String(console),
      POSTGRES_PORT: String(postgres),
      KAFKA_PORT: String(kafka),
    });
    const start = systemClock.monotonic();
    const since = (): string => `${((systemClock.monotonic() - start) / 1_000).toFixed(1)} s`;
    await compose.run('build');
    note(`the image is built after ${since()}`);
    await compose.run('up', '--wait').catch(async (error: unknown) => {
      note(await compose.run('logs', '--tail', '20'));
      throw error;
    });
    note(`every container is healthy after ${since()}`);
  });

  afterAll(async () => {
    await compose.run('down', '--volumes', '--timeout', '5');
    await docker(['image', 'rm', image]);
  });

  it('C6, N13: an order goes through all services in containers', async () => {
    note(`an order is confirmed in ${(await confirmedOrder(ordersUrl)).toFixed(0)} ms`);
  });

  it('every process is user 1000 without capabilities, new privileges and a writable root', async () => {
    const found = await processes();
    expect(new Set(found.map(serviceOf)).size).toBeGreaterThanOrEqual(8);
    for (const { Config, HostConfig } of found) {
      expect(Config.User).toBe('1000:1000');
      expect(HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], Privileged: false });
      expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true');
      expect(HostConfig.Memory).toBeGreaterThan(0);
    }
    const kernel = await compose.run(
      'exec',
      '-T',
      'orders',
      'grep',
      '-E',
      '^(Uid|CapEff|CapBnd|NoNewPrivs)',
      '/proc/1/status',
    );
    expect(kernel.split('\n').map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
      ['Uid:', '1000'],
      ['CapEff:', '0000000000000000'],
      ['CapBnd:', '0000000000000000'],
      ['NoNewPrivs:', '1'],
    ]);
    await expect(compose.run('exec', '-T', 'orders', 'touch', '/app/written')).rejects.toThrow(
      /Read-only file system/,
    );
  });

  it('no process but the preparation is a superuser of the database, and each uses a login of its own', async () => {
    const text = `select usename, rolsuper from pg_stat_activity join pg_roles on rolname = usename
      where backend_type = 'client backend' and pid <> pg_backend_pid() group by 1, 2 order by 1`;
    const rows = await compose.run('exec', '-T', 'postgres', 'psql', '-U', 'postgres', '-Atc', text);
    const logins = rows.split('\n').map((row) => row.split('|'));
    expect(logins.filter(([, isSuper]) => isSuper === 't')).toEqual([]);
    // The console connects when a page is opened.
    expect(logins.map(([login]) => login)).toEqual(
      expect.arrayContaining(['orders_service', 'payments_relay', 'reconciler', 'observer']),
    );
  });

  it('either relay can be killed, and the other one publishes every outbox', async () => {
    for (const { Id } of await compose.containers('relay')) {
      await docker(['kill', Id]);
      note(`one relay killed: an order is confirmed in ${(await confirmedOrder(ordersUrl)).toFixed(0)} ms`);
      await docker(['start', Id]);
      const ready = (): Promise<boolean> =>
        docker(['exec', Id, 'healthy', 'readyz']).then(
          () => true,
          () => false,
        );
      await waitUntil(ready, { what: 'the relay to stand by', everyMs: 500 });
    }
  });

  it.each([
    ['every process of the image', (service: string) => ![...servers, 'prepare'].includes(service)],
    ['Kafka', (service: string) => service === 'kafka'],
    ['Postgres', (service: string) => service === 'postgres'],
  ])('%s is restarted after a crash, and orders continue', async (what, matches) => {
    const victims = (await compose.containers()).filter((one) => matches(serviceOf(one)));
    await crash(image, victims);
    await waitUntil(
      async () => {
        const now = await Promise.all(
          [...new Set(victims.map(serviceOf))].map((name) => compose.containers(name)),
        );
        return now
          .flat()
          .every(
            ({ State }) => State.Status === 'running' && !victims.some((one) => one.State.Pid === State.Pid),
          );
      },
      { what: `the restart of ${what}`, everyMs: 200 },
    );
    note(`${what} crashed: an order is confirmed in ${(await confirmedOrder(ordersUrl)).toFixed(0)} ms`);
  });

  it('every process ends with code 0 when it is asked to stop, and nothing is left', async () => {
    await compose.run('stop', '--timeout', '30', ...new Set((await processes()).map(serviceOf)));
    const codes = (await processes()).map((one) => [serviceOf(one), one.State.ExitCode]);
    expect(codes.filter(([, code]) => code !== 0)).toEqual([]);
    await compose.run('down', '--volumes');
    const label = ['--quiet', '--filter', `label=com.docker.compose.project=${compose.project}`];
    for (const what of [
      ['ps', '--all'],
      ['volume', 'ls'],
      ['network', 'ls'],
    ])
      expect(await docker([...what, ...label])).toBe('');
  });
});
