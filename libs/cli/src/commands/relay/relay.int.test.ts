import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, startedCli, says, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../frame/all-migrations.ts';

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
});
