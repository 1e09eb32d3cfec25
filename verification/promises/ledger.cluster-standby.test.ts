import { randomInt } from 'node:crypto';
import { seededRandom } from '@convergekit/core';
import { embeddedPgbouncer, embeddedPostgres, promote, setSynchronous } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { standbyOf } from '../../libs/testing/src/fixture/standby.ts';
import { campaignOf } from './fixture/ledger/plan.ts';
import { played, type Running } from './fixture/ledger/running.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1_000_000));

it(`G6a, G6b, G6c, G6l: sagas and the acts of their operators outlive a primary that is killed under refusals: the synchronous standby has all of them, and the ledger agrees (SEED=${seed})`, async () => {
  const primary = await embeddedPostgres();
  onTestFinished(() => primary.dispose());
  await primary.start();
  const pooler = await embeddedPgbouncer({ url: primary.address });
  onTestFinished(() => pooler.server.dispose());
  await pooler.server.start();
  const standby = await standbyOf(primary, onTestFinished);
  await setSynchronous(primary, true);
  const failover = async ({ scene, provider }: Running): Promise<void> => {
    await waitUntil(() => provider.lines.length > 8, { what: 'sagas on their way' });
    await primary.kill();
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
  const campaign = campaignOf(seededRandom(seed), { sagas: 24, kills: 1 });
  const { provider } = await played(campaign, { server, during: failover });
  expect(provider.lines.length).toBeGreaterThan(8);
});
