import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, says, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

let database: Database;
let env: Record<string, string>;

beforeAll(async () => {
  const { brokers, databaseUrl } = inject('stack');
  const made = await migratedDatabase(databaseUrl, allMigrations, { prefix: 'cli' });
  database = made.database;
  env = { DATABASE_URL: made.url, KAFKA_BROKERS: brokers };
});
afterEach(stopLeftovers);
afterAll(() => database.close());

async function count(sql: string): Promise<number> {
  const { rows } = await database.executor.query<{ n: number }>(sql);
  return rows[0]?.n ?? -1;
}

describe('converge relay', () => {
  it('`converge relay` reports readiness as leader and as standby, and logs its port', async () => {
    const relay = startedCli(['relay'], env);
    await says(relay, 'leading');
    const port = String(relay.logs().find((line) => line['msg'] === 'running')?.['healthPort']);
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, body: await response.text() };
    };
    await waitUntil(async () => (await get('/readyz')).status === 200, { what: 'readiness' });
    expect((await get('/readyz')).body).toContain('leading, term 1');
    expect((await get('/livez')).status).toBe(200);
    expect(await relay.stop()).toMatchObject({ code: 0 });
  });

  // Planted fault: a notice of the broker beside the relay's own line, or the error itself in that line, fails here.
  it('`converge relay` waits for a broker that is down, logs that in one line, and stops cleanly meanwhile', async () => {
    const relay = startedCli(['relay'], { ...env, KAFKA_BROKERS: '127.0.0.1:1' });
    await says(relay, 'waiting for Kafka');
    await says(relay, 'running');
    const terms = 'select coalesce(max(term), 0)::int as n from converge.lease';
    const before = await count(terms);
    await waitUntil(async () => (await count(terms)) >= before + 4, {
      what: 'the relay to have tried again',
    });
    const ended = await relay.stop();
    expect(ended.code).toBe(0);
    // The alarm, after ten seconds on a slow machine, is another thing to say.
    const logged = ended.stderr.split('\n').filter((line) => !line.includes('"alarm"'));
    expect(logged.join('\n').match(/no broker can be reached at 127\.0\.0\.1:1/g)).toHaveLength(1);
  });

  // Planted faults: the login's refusal is a trouble of nothing that /readyz names; the doctor advises to start a relay.
  it('a relay that lost its login is named by the doctor with that login and its repair, and is not ready for its database', async () => {
    const { executor } = database;
    const role = `relay_${process.pid}`;
    const granted = await cli(['roles', 'relay', '--to', role], env);
    await executor.query(`create role ${role} login password 'relay'; ${granted.stdout}`);
    const own = new URL(env['DATABASE_URL'] ?? '');
    own.username = role;
    own.password = 'relay';
    const relay = startedCli(['relay'], { ...env, DATABASE_URL: own.href });
    await says(relay, 'leading');
    const port = String(relay.logs().find((line) => line['msg'] === 'running')?.['healthPort']);
    await executor.query(
      `alter role ${role} nologin; select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`,
    );
    const ready = async () => (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as object;
    await waitUntil(async () => JSON.stringify(await ready()).includes('no such user'), {
      what: 'the refusal',
    });
    expect(await ready()).toMatchObject({
      checks: { database: { ok: false, detail: expect.stringContaining(role) as string } },
    });
    const found = async () => {
      const { stdout } = await cli(['doctor', '--json'], env);
      const { findings } = JSON.parse(stdout) as {
        findings: { check: string; text: string; next: string }[];
      };
      return findings.find(({ text }) => text.includes('no relay leads'));
    };
    await waitUntil(async () => (await found()) !== undefined, { what: 'the end of the lease' });
    expect(await found()).toMatchObject({ check: 'relay alarms' });
    // As after half a minute.
    await executor.query(`update converge.lease set expires_at = expires_at - interval '31 seconds'`);
    const late = await found();
    expect(late).toMatchObject({
      check: 'alarm relay_gone',
      text: expect.stringContaining(`its login ${role} may not log in`) as string,
    });
    await executor.query(late?.next ?? '');
    await waitUntil(async () => (await found()) === undefined, { what: 'the relay to lead again' });
    expect(await relay.stop()).toMatchObject({ code: 0 });
    await executor.query(`drop owned by ${role}; drop role ${role}`);
  });
});
