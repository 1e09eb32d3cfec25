import { randomInt } from 'node:crypto';
import { seededRandom } from '@convergekit/core';
import { connect } from '@convergekit/postgres';
import { embeddedPgbouncer, embeddedPostgres, promote, setSynchronous } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { standbyOf } from '../../libs/testing/src/fixture/standby.ts';
import { campaignOf } from './fixture/ledger/plan.ts';
import { played, type Running } from './fixture/ledger/running.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1_000_000));

/** Starts a primary behind a PgBouncer, and its standby. `takeOver` has the standby promoted. */
async function pair() {
  const primary = await embeddedPostgres();
  onTestFinished(() => primary.dispose());
  await primary.start();
  const pooler = await embeddedPgbouncer({ url: primary.address });
  onTestFinished(() => pooler.server.dispose());
  await pooler.server.start();
  const standby = await standbyOf(primary, onTestFinished);
  const takeOver = async ({ scene }: Running): Promise<void> => {
    await promote(standby);
    pooler.reload({ url: standby.address });
    const answers = (): Promise<boolean> =>
      scene.database.ping().then(
        () => true,
        () => false,
      );
    await waitUntil(answers, { what: 'PgBouncer to reach the new primary' });
  };
  const server = { address: primary.address, through: (url: string) => pooler.through(url) };
  return { primary, standby, server, takeOver };
}

it(`G6a, G6b, G6c, G6l: sagas and the acts of their operators outlive a primary that is killed under refusals: the synchronous standby has all of them, and the ledger agrees (SEED=${seed})`, async () => {
  const { primary, server, takeOver } = await pair();
  await setSynchronous(primary, true);
  const failover = async (running: Running): Promise<void> => {
    await waitUntil(() => running.provider.lines.length > 8, { what: 'sagas on their way' });
    await primary.kill();
    await takeOver(running);
  };
  const campaign = campaignOf(seededRandom(seed), { sagas: 24, kills: 1 });
  const { provider } = await played(campaign, { server, during: failover });
  expect(provider.lines.length).toBeGreaterThan(8);
});

/** Calls that have no key by which their provider knows a repeat. */
const KEYLESS: readonly string[] = ['book', 'grant'];

it(`G6a, G6b: after a standby that lacks commits is promoted every saga ends, and only a call without a key whose begin is lacking is made twice (SEED=${seed})`, async () => {
  const { primary, standby, server, takeOver } = await pair();
  const campaign = campaignOf(seededRandom(seed), { sagas: 24, kills: 1 });
  const lacking = new Set<string>();
  const failover = async (running: Running): Promise<void> => {
    const { scene, provider } = running;
    const { pathname } = new URL(scene.url);
    const copy = connect({ url: Object.assign(new URL(standby.address), { pathname }).href, max: 1 });
    await waitUntil(() => provider.lines.length > 4, { what: 'sagas on their way' });
    // What was asked for until here is on the standby: that it was begun was committed first.
    const before = provider.asked.length;
    const [reached] = await scene.rows<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    const hasReceived = async (): Promise<boolean> => {
      const sql = 'select pg_last_wal_receive_lsn() >= $1::pg_lsn as "isThere"';
      return (await copy.executor.query<{ isThere: boolean }>(sql, [reached?.lsn])).rows[0]?.isThere === true;
    };
    await waitUntil(hasReceived, { what: 'the standby to have what was begun', everyMs: 10 });
    await copy.close();
    await standby.stop();
    await waitUntil(() => provider.asked.length > before + 12, { what: 'calls that the standby lacks' });
    await primary.kill();
    await standby.start();
    await takeOver(running);
    // A call that was begun may have waited for its line until now.
    for (const call of provider.asked.slice(before)) lacking.add(call);
  };
  const mayRepeat = (errand: string, step: string): boolean =>
    KEYLESS.includes(step) && lacking.has(`${errand} ${step}`);
  const { provider } = await played(campaign, { server, during: failover, mayRepeat });
  const twice = provider.lines.filter(
    ({ errand, step, what }, at, all) =>
      all.findIndex((one) => one.errand === errand && one.step === step && one.what === what) < at,
  );
  expect(lacking.size).toBeGreaterThan(0);
  process.stdout.write(`${lacking.size} calls in what is lacking, ${twice.length} made twice\n`);
});
