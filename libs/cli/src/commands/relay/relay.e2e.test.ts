import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { cli, startedCli, says, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { interrupt, killLeftovers, start, startCli } from '../../fixture/cli-process.ts';
import { countOf, headerOf, recordsOf } from '../../fixture/topic-records.ts';

const brokers = inject('stack').brokers;
let database: Database;
let topic: string;
let env: Record<string, string>;

beforeEach(async () => {
  topic = `cli.relay.${randomBytes(4).toString('hex')}`;
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, {
    prefix: 'cli',
    applicationName: 'the-test',
  });
  database = made.database;
  env = { DATABASE_URL: made.url, KAFKA_BROKERS: brokers };
  expect(await cli(['topics', 'create', topic, '--partitions', '3'], env)).toMatchObject({ code: 0 });
});
afterEach(async () => {
  killLeftovers();
  await stopLeftovers();
  await database.close();
});

async function emit(from: number, to: number): Promise<void> {
  await database.executor.query(
    `select converge.emit($1, 'k' || n % 7, 'cli.thing', '{"n":' || n || '}', '{}') from generate_series($2::int, $3::int) n`,
    [topic, from, to],
  );
}

async function count(sql: string, values: readonly unknown[] = []): Promise<number> {
  const { rows } = await database.executor.query<{ n: number }>(sql, values);
  return rows[0]?.n ?? -1;
}

const freeLeases = 'select count(*)::int as n from converge.lease where expires_at <= clock_timestamp()';
const connections = `select count(*)::int as n from pg_stat_activity
  where datname = current_database() and application_name like 'converge-%'`;

describe('converge relay as a process', () => {
  it('`converge relay` stops on Ctrl-C in the middle of a backlog: exit 0, lease released, nothing lost or repeated', async () => {
    let emitted = 0;
    const relay = startCli(['relay'], env);
    const writing = new AbortController();
    const writer = (async () => {
      while (!writing.signal.aborted) await emit(emitted + 1, (emitted += 500));
    })();
    await waitUntil(async () => (await countOf(brokers, topic)) > 0, { what: 'the first event' });
    interrupt(relay);
    const ended = await Promise.race([
      relay.ended,
      waitUntil(() => false, { what: 'the relay to end after Ctrl-C' }),
    ]);
    writing.abort();
    await writer;
    expect(ended).toMatchObject({ code: 0 });
    expect(await count(freeLeases)).toBe(1);
    await waitUntil(async () => (await count(connections)) === 0, { what: 'its connections to be gone' });

    expect(await countOf(brokers, topic)).toBeLessThan(emitted);
    const next = startedCli(['relay'], env);
    await waitUntil(async () => (await countOf(brokers, topic)) >= emitted, {
      what: 'the rest',
    });
    expect(await next.stop()).toMatchObject({ code: 0 });
    const ids = (await recordsOf(brokers, topic)).map((record) => headerOf(record, 'ce_id'));
    expect(ids).toHaveLength(emitted);
    expect(new Set(ids).size).toBe(emitted);
  });

  it('two processes of `converge relay` are leader and standby, and the standby takes over when the leader is killed', async () => {
    const first = startCli(['relay'], env);
    await says(first, 'leading');
    const second = startedCli(['relay'], env);
    await says(second, 'standing by');
    await emit(1, 10);
    await waitUntil(async () => (await recordsOf(brokers, topic)).length === 10, {
      what: "the leader's events",
    });

    first.child.kill('SIGKILL');
    await emit(11, 20);
    const published = async () =>
      new Set((await recordsOf(brokers, topic)).map((record) => headerOf(record, 'ce_id'))).size === 20;
    await waitUntil(published, { what: "the standby's events" });
    await says(second, 'leading');
    expect(await second.stop()).toMatchObject({ code: 0 });
  });

  it('`converge relay` treats a Ctrl-C that npx repeats as one', async () => {
    const relay = startCli(['relay'], env);
    await says(relay, 'leading');
    // Two different signals: the kernel would merge two of one kind.
    relay.child.kill('SIGINT');
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 0 });
    expect(await count(freeLeases)).toBe(1);
  });

  it('C6: `converge relay` runs as the sidecar service, and passes the exit code on', async () => {
    const main = ['node', '--conditions=source', 'services/relay/src/main.ts'];
    expect(await start(main, {}).ended).toMatchObject({ code: 78 });
    const relay = start(main, env);
    await says(relay, 'leading');
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 0 });
  });
});
