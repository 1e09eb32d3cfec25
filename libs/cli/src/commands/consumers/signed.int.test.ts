/**
 * A relay that signs, consumers that compare, and a writer of their topics who has no key. Planted faults, each seen to fail
 * here: the relay without its setting; consumers without theirs; a replay without the keys, or with keys of any name.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineEvent } from '@convergekit/contracts';
import { type ConsumerService, consumerService, defineConsumer } from '@convergekit/inbox';
import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import type { Database } from '@convergekit/postgres';
import { BusinessRejection } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

const brokers = inject('stack').brokers;
const tag = randomBytes(4).toString('hex');
const topic = `cli.signed.${tag}`;
const thing = defineEvent('cli.thing', {
  version: 1,
  topic,
  key: ({ key }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
let database: Database;
let broker: Broker;
let env: Record<string, string>;
const services: ConsumerService[] = [];

beforeEach(async () => {
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'cli' });
  database = made.database;
  env = { DATABASE_URL: made.url, KAFKA_BROKERS: brokers };
  broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'signed' });
  const topics = [topic, `pays-${tag}.failures`, `undoes-${tag}.failures`];
  expect(await cli(['topics', 'create', ...topics, '--partitions', '1'], env)).toMatchObject({ code: 0 });
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  await stopLeftovers();
  await broker.close();
  await database.close();
});

it('G4c: an event that a relay signed is handled and compensated, and one that another writer forged is a dead letter', async () => {
  const secret = randomBytes(36).toString('base64');
  const file = join(mkdtempSync(join(tmpdir(), 'converge-')), 'orders.key');
  writeFileSync(file, `${secret}\n`);
  const { rows } = await database.executor.query<{ name: string }>('select name from converge.source');
  const source = rows[0]?.name ?? '';
  const signatures = { keys: { [source]: secret }, failures: { [`pays-${tag}`]: source } };
  const handled: number[] = [];
  const undone: number[] = [];
  const pays = defineConsumer(`pays-${tag}`, { from: 'first' }).on(thing, ({ data }) => {
    handled.push(data.n);
    if (data.n === 2) throw new BusinessRejection('declined', { code: 'DECLINED' });
  });
  const undoes = defineConsumer(`undoes-${tag}`, { from: 'first' }).onFailure(
    pays,
    thing,
    ({ event }) => void undone.push(event.data.n),
  );
  const service = consumerService([pays, undoes], { database, broker, signatures });
  services.push(service);
  await service.start();
  const emit = (n: number) =>
    database.executor.query(`select converge.emit($1, 'k', 'cli.thing', $2, '{}')`, [
      topic,
      JSON.stringify({ key: 'k', n }),
    ]);
  startedCli(['relay'], { ...env, CONVERGE__RELAY__SIGNING_KEY_FILE: file });
  await emit(1);
  await waitUntil(() => handled.includes(1), { what: 'the first event' });

  const producer = await broker.producer();
  const forged = { key: 'k', value: '{"key":"k","n":99}', timestampMs: Date.now() };
  const headers = [
    ...[['ce_id', 'forged'] as const, ['ce_source', source] as const],
    ...[['ce_type', 'cli.thing'] as const, ['ce_specversion', '1.0'] as const],
  ];
  await producer.send([{ topic, partition: 0, records: [{ ...forged, headers }] }]);
  await producer.close();
  await emit(2);
  await emit(3);
  await waitUntil(() => handled.includes(3) && undone.length > 0, { what: 'the rest' });
  // A handler may run again when its slice was rolled back; only what it writes counts once.
  expect([[...new Set(handled)], [...new Set(undone)]]).toEqual([[1, 2, 3], [2]]);
  const letters = await database.executor.query(`select code from converge.parked where state = 'dead'`);
  expect(letters.rows).toEqual([{ code: 'SIGNATURE_MISSING' }]);

  const args = [
    'consumers',
    'replay',
    `pays-${tag}`,
    '--topic',
    topic,
    '--everything',
    '--reason',
    'a test',
    '--dry-run',
  ];
  const replayWith = async (name: string, key: string) => {
    writeFileSync(file, `${key}\n`);
    const variable = `CONVERGE__SIGNATURES__KEYS__${name.toUpperCase()}_FILE`;
    const { stdout, stderr, code } = await cli(args, { ...env, [variable]: file });
    return { code, said: stdout + stderr };
  };
  expect(source).toContain('_');
  expect((await replayWith(source, secret)).said).toMatch(/from offset 0 .*\n.*[23] of cli.thing/);
  const other = randomBytes(36).toString('base64');
  expect((await replayWith(source, other)).said).not.toMatch(/\d of cli\.thing/);
  expect(await replayWith(`${source}x`, secret)).toMatchObject({
    code: 78,
    said: expect.stringContaining(`did you mean ${source}?`) as string,
  });
});
