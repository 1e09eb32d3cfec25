/**
 * Code that was removed once, and a test here failed:
 * - the trying again (a source whose first opening failed is left): its events never come;
 * - the stop of each source's relay: leases stay taken;
 * - the source on a series: the figures of all outboxes are one sum.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { faultProxy, waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { cli, says, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';

const { brokers, databaseUrl } = inject('stack');
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await stopLeftovers();
  for (const close of closers.splice(0).reverse()) await close();
});

async function outbox(): Promise<{ url: string; database: Database; topic: string }> {
  const { url, database } = await migratedDatabase(databaseUrl, allMigrations, { prefix: 'sources' });
  closers.push(() => database.close());
  const topic = `sources.${randomBytes(4).toString('hex')}`;
  const created = await cli(['topics', 'create', topic, '--partitions', '2'], { KAFKA_BROKERS: brokers });
  expect(created).toMatchObject({ code: 0 });
  return { url, database, topic };
}

async function emit({ database, topic }: { database: Database; topic: string }): Promise<void> {
  await database.executor.query(
    `select converge.emit($1, 'k', 'a.thing', '{}') from generate_series(1, 20)`,
    [topic],
  );
}

async function eventsOf(topic: string): Promise<ReadonlySet<string | undefined>> {
  return new Set((await recordsOf(brokers, topic)).map((record) => headerOf(record, 'ce_id')));
}

const perSource = [
  'ticks_total',
  'tick_duration_seconds_count',
  'publish_duration_seconds_count',
  'batch_size_count',
  'published_total',
  'takeovers_total',
];

const leases = async ({ database }: { database: Database }): Promise<number> =>
  (
    await database.executor.query<{ n: number }>(
      'select count(*)::int as n from converge.lease where expires_at > clock_timestamp()',
    )
  ).rows[0]?.n ?? -1;

describe('a relay for several sources', () => {
  it('C6: a relay for several sources publishes those that it reaches, names the others, continues with them later, and stops as one process', async () => {
    const up = await outbox();
    const down = await outbox();
    const behind = new URL(down.url);
    const proxy = await faultProxy({ target: behind.host });
    closers.push(() => proxy.close());
    behind.host = proxy.address;
    proxy.cut();
    const relay = startedCli(['relay'], {
      KAFKA_BROKERS: brokers,
      CONVERGE__RELAY__SOURCES__ORDERS: up.url,
      CONVERGE__RELAY__SOURCES__PAYMENTS: behind.href,
      // A slow machine keeps this lease, and one that is left at the stop has not ended by itself.
      CONVERGE__RELAY__LEASE_MS: '120000',
      LOG_LEVEL: 'info',
    });
    await emit(up);
    await emit(down);
    await says(relay, 'source payments cannot be published');
    // A write whose answer came too late is made again, so that records are counted by their events.
    const published = (topic: string) => async () => (await eventsOf(topic)).size === 20;
    await waitUntil(published(up.topic), { what: 'the events of the source that is up' });
    expect(await recordsOf(brokers, down.topic)).toHaveLength(0);
    await says(relay, 'running');
    const port = String(relay.logs().find((line) => line['msg'] === 'running')?.['healthPort']);
    const ready = async (): Promise<{ status: number; body: string }> => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      return { status: response.status, body: await response.text() };
    };
    const leads = ({ body }: { body: string }) => /orders\.relay.*leading, term 1/s.test(body);
    const one = await waitUntil(
      async () => {
        const answer = await ready();
        return leads(answer) ? answer : undefined;
      },
      { what: 'readiness to name the leader' },
    );
    expect(one.status).toBe(503);
    expect(one.body).toMatch(/payments\.database/);

    proxy.restore();
    await waitUntil(published(down.topic), { what: 'the events of the other' });
    await waitUntil(async () => (await ready()).status === 200, { what: 'readiness of all' });
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const series of perSource)
      for (const { url } of [up, down]) {
        const source = `converge_source="${new URL(url).pathname.slice(1)}"`;
        expect(metrics).toMatch(new RegExp(`^converge_relay_${series}\\{[^}]*${source}`, 'm'));
      }
    const ended = await Promise.race([relay.stop(), waitUntil(() => false, { what: 'both to stop' })]);
    expect(ended).toMatchObject({ code: 0 });
    expect([await leases(up), await leases(down)]).toEqual([0, 0]);
  });

  it('a relay for several sources stops within seconds while a source cannot be reached', async () => {
    const gone = `postgres://postgres@127.0.0.1:1/none`;
    const relay = startedCli(['relay'], { KAFKA_BROKERS: brokers, CONVERGE__RELAY__SOURCES__GONE: gone });
    await says(relay, 'source gone cannot be published');
    const ended = await Promise.race([relay.stop(), waitUntil(() => false, { what: 'the relay to stop' })]);
    expect(ended).toMatchObject({ code: 0 });
  });

  it('a relay for several sources refuses invalid settings before it begins, and names them', async () => {
    const ended = await cli(['relay'], {
      KAFKA_BROKERS: brokers,
      CONVERGE__RELAY__SOURCES__ORDERS: 'mysql://x/y',
    });
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain('relay.sources.orders is no Postgres URL');
    expect(ended.stderr).not.toContain('mysql://x/y');
  });
});
