import { randomBytes } from 'node:crypto';
import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type JavaRecord, readWithJava } from '../../../../test/java-clients.ts';
import { cli } from '../fixture/cli.ts';
import { interrupt, killLeftovers, start, type Ended } from '../fixture/cli-process.ts';

// Payloads that JSON.parse and a jsonb column would change. They differ in key order, white space, big integers, forms
// of numbers, repeated keys, and characters of every length in UTF-8.
const payloads = [
  '{"n":1}',
  '{"z":1,"a":2,"10":3,"2":4}',
  '{ "big": 9007199254740993123456789, "small": 1.10e+2, "minus": -0.0 }',
  '{"a":1,"a":2,"nested":{"y":[],"x":{}}}',
  '{"text":"žluťoučký kůň ☃ 𝔘𝔫𝔦 \\u0001 \\ud83d\\ude00 😀 \u00a0\u2028"}',
];

describe('use without any TypeScript', () => {
  const topic = `bb.events.${randomBytes(4).toString('hex')}`;
  const env = { DATABASE_URL: '', KAFKA_BROKERS: inject('stack').brokers };
  let database: Database;
  let records: readonly JavaRecord[] = [];
  let relayEnded: Ended;

  beforeAll(async () => {
    env.DATABASE_URL = await freshDatabase(inject('stack').databaseUrl, 'bb');
    database = connect({ url: env.DATABASE_URL });
    expect(await cli(['migrate'], env)).toMatchObject({ code: 0 });
    expect(await cli(['topics', 'create', topic, '--partitions', '6'], env)).toMatchObject({ code: 0 });
    const relay = start(['npx', 'converge', 'relay'], env);
    for (const payload of payloads)
      await database.executor.query('select converge.emit($1, $2, $3, $4, $5)', [
        topic,
        'k1',
        'bb.thing',
        payload,
        '{"tenant":"acme, žluť"}',
      ]);
    records = await readWithJava(env.KAFKA_BROKERS, topic, payloads.length);
    interrupt(relay);
    relayEnded = await relay.ended;
  });
  afterAll(async () => {
    killLeftovers();
    await database.close();
  });

  it('events emitted in SQL are published byte for byte, in the order of their commits', () => {
    expect(records.map((record) => record.value)).toEqual(payloads.map((payload) => Buffer.from(payload)));
  });

  it('events emitted in SQL are published with their key and CloudEvents headers', async () => {
    const { rows } = await database.executor.query<{ id: string; name: string }>(
      'select id, name from converge.source',
    );
    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string;
    for (const record of records) {
      expect(record.key?.toString()).toBe('k1');
      expect(headersOf(record)).toMatchObject({
        ce_specversion: '1.0',
        ce_id: uuid,
        ce_source: rows[0]?.name,
        ce_sourceid: rows[0]?.id,
        ce_type: 'bb.thing',
        ce_subject: 'k1',
        ce_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/) as string,
        'content-type': 'application/json',
        tenant: 'acme, žluť',
      });
    }
    expect(new Set(records.map((record) => headersOf(record)['ce_id'])).size).toBe(payloads.length);
  });

  it('events emitted in SQL are published with their position and that of their predecessor', () => {
    const positions = records.map((record) => headersOf(record)['ce_pos'] ?? '');
    expect(positions.every((position) => /^1\.\d+\.\d+\.[0-9a-f]{16}$/.test(position))).toBe(true);
    const before = positions.map((position) => position.split('.').slice(0, 3).join('.'));
    expect(records.map((record) => headersOf(record)['ce_prev'])).toEqual(['1.0.0', ...before.slice(0, -1)]);
  });

  it('a command ends cleanly when Ctrl-C reaches npx and the command at once', async () => {
    expect(relayEnded.stderr).toContain('"msg":"stopped"');
    await waitUntil(async () => (await leaseOf(database)) === 'free', {
      what: 'the lease to be free',
      deadlineMs: 1_000,
    });
  });
});

function headersOf({ headers }: JavaRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]));
}

async function leaseOf(database: Database): Promise<string> {
  const { rows } = await database.executor.query<{ state: string }>(
    `select case when expires_at > clock_timestamp() then holder else 'free' end as state from converge.lease`,
  );
  return rows[0]?.state ?? 'never taken';
}
