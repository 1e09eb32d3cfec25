/**
 * Code that was removed once, and a test here failed:
 * - the order of ids in `again` (the newest first): a key's replays change places;
 * - the tail by what each snapshot sees (by the highest id seen): a late committer is passed over;
 * - the look at what became of a lost COMMIT: the command fails, and a repeat emits the events twice;
 * - the rest of `again` behind a failure: a repeat emits what was emitted before it twice.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { TcpProxy } from '../../../../../test/tcp-proxy.ts';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';

const brokers = inject('stack').brokers;
let database: Database;
let topic: string;
let env: Record<string, string>;

beforeEach(async () => {
  topic = `cli.outbox.${randomBytes(4).toString('hex')}`;
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'cli' });
  database = made.database;
  env = { DATABASE_URL: made.url, KAFKA_BROKERS: brokers };
});
afterEach(async () => {
  await stopLeftovers();
  await database.close();
});

const emitSql = `select converge.emit($1, 'k' || n % 3, 'cli.thing', '{"n":' || n || '}', '{"tenant":"a"}', 2) as id
  from generate_series($2::int, $3::int) n`;

async function emit(from: number, to: number): Promise<readonly string[]> {
  const { rows } = await database.executor.query<{ id: string }>(emitSql, [topic, from, to]);
  return rows.map(({ id }) => id);
}

async function json(...args: readonly string[]): Promise<unknown> {
  const { stdout, stderr, code } = await cli([...args, '--json', '--quiet'], env);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** The events that were emitted again, in the order of their replays. */
async function replays(): Promise<readonly string[]> {
  const { rows } = await database.executor.query<{ of: string }>(
    `select headers::json ->> 'ce_replayof' as of from converge.outbox where headers like '%ce_replayof%' order by id`,
  );
  return rows.map(({ of }) => of);
}

describe('converge outbox', () => {
  it('`converge outbox` emits events again as new ones that name the old, in order per key, and lists and counts them', async () => {
    const ids = await emit(1, 30);
    expect(await cli(['topics', 'create', topic, '--partitions', '1'], env)).toMatchObject({ code: 0 });
    expect(await json('outbox', 'stats')).toMatchObject({ backlog: 30, held: [], doneTick: '0' });
    const relay = startedCli(['relay'], env);
    await waitUntil(async () => (await recordsOf(brokers, topic)).length === 30, { what: 'the events' });
    const settledSql =
      'select done_tick = (select max(number) from converge.tick) as settled from converge.relay_source';
    await waitUntil(
      async () => (await database.executor.query<{ settled: boolean }>(settledSql)).rows[0]?.settled,
      { what: 'the events to be settled' },
    );
    expect(await json('outbox', 'list', '--key', 'k1', '--limit', '2', '--published')).toMatchObject([
      { eventId: ids[27], key: 'k1', published: true },
      { eventId: ids[24], key: 'k1', published: true },
    ]);

    expect(await cli(['outbox', 'again', '--key', 'k1'], env)).toMatchObject({ code: 2 });
    expect(await json('outbox', 'again', '--key', 'k1', '--dry-run')).toMatchObject({ count: 10 });
    expect(await cli(['outbox', 'again', '--key', 'k1', '--limit', '9', '--yes'], env)).toMatchObject({
      code: 2,
    });
    expect(
      await cli(['outbox', 'again', '0190a0b0-0000-7000-8000-000000000000', '--yes'], env),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('1 of the ids are not in the outbox') as string,
    });
    const done = await cli(['outbox', 'again', '--key', 'k1', '--rate', '20', '--yes', '--json'], env);
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ count: 10, of: 10 });
    expect(done.stderr).toContain('operator: outbox again');
    const acts = (await json('audit', '--act', 'outbox')) as { subject: string }[];
    expect(acts[0]).toMatchObject({ act: 'outbox again', reason: 'emitted again' });
    expect(acts.map(({ subject }) => subject).toReversed()).toEqual(ids.filter((_, at) => at % 3 === 0));
    await waitUntil(async () => (await recordsOf(brokers, topic)).length === 40, { what: 'the replays' });
    const replays = (await recordsOf(brokers, topic)).slice(30);
    expect(replays.map((record) => headerOf(record, 'ce_replayof'))).toEqual(
      ids.filter((_, at) => at % 3 === 0),
    );
    expect(replays.map(({ value }) => value?.toString())).toEqual(
      Array.from({ length: 10 }, (_, at) => `{"n":${1 + 3 * at}}`),
    );
    for (const record of replays) {
      expect(ids).not.toContain(headerOf(record, 'ce_id'));
      expect(headerOf(record, 'ce_correlationid')).toBe(headerOf(record, 'ce_replayof'));
      expect(headerOf(record, 'ce_dataschema')).toBe('urn:converge:cli.thing:2');
      expect(headerOf(record, 'tenant')).toBe('a');
    }
    await relay.stop();
  });

  it('`converge outbox again` whose COMMIT got no answer finds out that the events were emitted', async () => {
    const ids = await emit(1, 3);
    const url = new URL(env['DATABASE_URL'] ?? '');
    const isCommit = (bytes: Buffer) => /Q....commit\0/s.test(bytes.toString('latin1'));
    const proxy = new TcpProxy({ host: url.hostname, port: Number(url.port) }, () => ({
      requested: isCommit,
    }));
    onTestFinished(proxy.faults.close);
    await proxy.up();
    proxy.faults.loseNextAcknowledgement();
    const again = await cli(['outbox', 'again', '--topic', topic, '--yes', '--json'], {
      ...env,
      DATABASE_URL: Object.assign(url, { host: proxy.address }).href,
    });
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ count: 3, of: 3 });
    expect(await replays()).toEqual(ids);
  });

  it('`converge outbox again` that fails in the middle says what it emitted and where the rest begins', async () => {
    const ids = await emit(1, 3);
    await database.executor.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'the disk is full'; end $$`,
    );
    await database.executor.query(
      `create trigger refuse before insert on converge.audit for each row when (new.subject_id = '${ids[2]}') execute function refuse()`,
    );
    const args = ['outbox', 'again', ...ids, '--rate', '2', '--yes', '--json'];
    const first = await cli(args, env);
    const broken = JSON.parse(first.stdout) as { stoppedAt: string };
    expect([first.code, broken]).toMatchObject([1, { count: 2, of: 3 }]);
    expect(broken).toMatchObject({ failure: expect.stringContaining('the disk is full') as string });
    await database.executor.query('drop trigger refuse on converge.audit');
    const rest = await cli([...args, '--after-row', broken.stoppedAt], env);
    expect(JSON.parse(rest.stdout)).toMatchObject({ count: 1 });
    expect(await replays()).toEqual(ids);
  });

  // Planted fault: a second page that is not cut where the command began has replays, which are emitted once more.
  it('`converge outbox again` with a filter emits no replay of its own again', async () => {
    const ids = await emit(1, 3);
    await database.executor.query(`update converge.outbox set search = array[id, -7]`);
    const again = await cli(['outbox', 'again', '--topic', topic, '--rate', '2', '--yes', '--json'], env);
    expect(JSON.parse(again.stdout)).toMatchObject({ count: 3, of: 3 });
    expect(await replays()).toEqual(ids);
    // A replay is found by the fields of the event that it repeats.
    const { rows } = await database.executor.query<{ n: number }>(
      `select count(*)::int as n from converge.outbox o join converge.outbox r
          on r.headers::json ->> 'ce_replayof' = o.event_id::text and r.search = o.search`,
    );
    expect(rows).toEqual([{ n: 3 }]);
  });

  it('`converge outbox tail` shows each committed event, also of late commits, until Ctrl-C', async () => {
    const tail = startedCli(['outbox', 'tail', '--topic', topic, '--json'], env);
    await waitUntil(() => tail.stderr().includes('showing events'), { what: 'the tail' });
    const late = await database.acquire();
    await late.query('begin');
    const { rows } = await late.query<{ id: string }>(emitSql, [topic, 1, 1]);
    const [soon] = await emit(2, 2);
    await waitUntil(() => tail.stdout().includes(soon ?? '?'), { what: 'the event that committed first' });
    await late.query('commit');
    late.release();
    await waitUntil(() => tail.stdout().includes(rows[0]?.id ?? '?'), {
      what: 'the event that committed late',
    });
    // The command itself listens to Ctrl-C, and no longer than it runs.
    process.emit('SIGINT', 'SIGINT');
    const { code, stdout } = await tail.ended;
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { eventId: string }).eventId),
    ).toEqual([soon, rows[0]?.id]);
  });
});
