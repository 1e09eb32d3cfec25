import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect } from '@convergekit/postgres';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { closeAfterEach, closing, onClose, started } from './fixture/running.ts';
import { createTopic, relayDatabase, topicName, untilDrained } from './fixture/set-up.ts';

/**
 * Code that was removed once, and a test here failed: the refusal at the limit (Postgres then ran out of disk).
 */

closeAfterEach();

const MiB = 1_048_576;
const DISK = 320;
const LIMIT = (inject('full') ? 48 : 12) * MiB;
/** A payload that does not compress. */
const payload = (): string => JSON.stringify(randomBytes(20_000).toString('hex'));

/** Mounts a small separate disk; undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'converge-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}m,mode=0755`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

test('G1f: on a small disk with Kafka away emits are refused at the limit, other transactions commit, and everything drains afterwards', async (context) => {
  const disk = smallDisk();
  if (disk === undefined) return context.skip('this user may not mount a tmpfs');
  onClose(() => {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
    return Promise.resolve();
  });
  const settings = { max_wal_size: '64MB', min_wal_size: '32MB', shared_buffers: '16MB' };
  const server = await embeddedPostgres({ dataDir: disk, settings });
  onClose(() => server.dispose());
  await server.start();
  const made = await relayDatabase(server.address);
  await made.database.close();
  const database = connect({ url: made.url, max: 20 });
  onClose(() => database.close());
  await database.executor.query('create table business (id int primary key)');

  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  const outbox = { maxBytes: LIMIT, whenFull: 'refuse' } as const;
  const service = await started({ database, broker, outbox, surveyMs: 100, alarmAfterMs: 0 });
  await waitUntil(() => service.status().state === 'leading', { what: 'the lead' });
  broker.takeDown();

  const emit = (): Promise<unknown> =>
    database.executor.query(`select converge.emit($1, 'k', 'a.b', $2)`, [topic, payload()]);
  let written = 0;
  let refusal: unknown;
  // The disk would be full after so many.
  while (refusal === undefined && written * 40_000 < DISK * MiB)
    await emit().then(
      () => (written += 1),
      (error: unknown) => (refusal = error),
    );
  expect(refusal).toMatchObject({ code: '53400', constraint: 'outbox_max_bytes' });
  await waitUntil(() => service.status().alarms.some(({ name }) => name === 'outbox_full'), {
    what: 'the alarm',
  });
  for (let n = 0; n < 100; n += 1) await database.executor.query('insert into business values ($1)', [n]);
  expect(server.running).toBe(true);

  broker.restore();
  await untilDrained(database);
  await waitUntil(
    () =>
      emit().then(
        () => true,
        () => false,
      ),
    { what: 'an emit to be taken again', everyMs: 10 },
  );
  await waitUntil(() => !service.status().alarms.some(({ name }) => name === 'outbox_full'), {
    what: 'its end',
  });
  await untilDrained(database);
  const admin = await broker.admin();
  const [ends] = await admin.logEnds(topic);
  expect(Number(ends?.latest)).toBe(written + 1);
  await admin.close();
});
