import { readFileSync } from 'node:fs';
import { createOutbox } from 'convergekit/postgres';
import { newUuidV7 } from 'convergekit';
import { transferRequested } from '@convergekit/schemas';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ServedApp, serveApp } from '../../../libs/kit/src/fixture/serve-app.ts';
import { SagaScene } from '../../../libs/saga/src/fixture/saga-scene.ts';
import { transfersApi } from './giro/api.ts';
import { giro } from './giro/consumer.ts';
import { savings } from './savings/consumer.ts';
import type { GiroDb } from './tables.ts';

/** The tables of both banks are in one database: giro accounts start with g, savings accounts with s. */
const tables = [
  '../../common/sql/001-effect.sql',
  '../sql/accounts/001-accounts.sql',
  '../sql/giro/001-transfers.sql',
];

let scene: SagaScene<GiroDb>;
let server: ServedApp;

beforeAll(async () => {
  const texts = tables.map((path) => readFileSync(new URL(path, import.meta.url), 'utf8'));
  scene = await SagaScene.open<GiroDb>(inject('stack').databaseUrl, texts.join(';\n'));
  await scene.rows(
    `insert into account (account_id, opened_cents, balance_cents, closed) values
       ('g1', 1000, 1000, false), ('g2', 1000, 1000, true), ('s1', 50, 50, false), ('s2', 50, 50, true)`,
  );
  // The savings bank needs fewer tables than the giro bank has.
  await scene.start([giro, savings]);
  const { db } = scene.database;
  const transaction = createOutbox([transferRequested]).for(db);
  server = await serveApp(() => transfersApi({ db, transaction, newId: newUuidV7 }));
});
afterAll(async () => {
  await server.stop();
  await scene.close();
});

const url = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

async function request(key: string, body: unknown): Promise<readonly [number, { transferId: string }]> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(url('/transfers'), { method: 'POST', headers, body: JSON.stringify(body) });
  return [response.status, (await response.json()) as { transferId: string }];
}

interface Shown {
  readonly state: string;
  readonly reason: string | null;
}

/** Sends a transfer and waits for its end; returns its movements in order. */
async function send(body: {
  from: string;
  to: string;
  amountCents: number;
}): Promise<Shown & { moved: string; transferId: string }> {
  const [, { transferId }] = await request(newUuidV7(), body);
  const ended = await waitUntil(
    async () => {
      const shown = (await (await fetch(url(`/transfers/${transferId}`))).json()) as Shown;
      return shown.state === 'requested' ? undefined : shown;
    },
    { what: 'the end of the transfer' },
  );
  const moved = await scene.rows<{ what: string }>(
    `select account_id || ' ' || amount_cents as what from movement where transfer_id = $1 order by id`,
    [transferId],
  );
  const { state, reason } = ended;
  return { state, reason, moved: moved.map(({ what }) => what).join(', '), transferId };
}

/**
 * Records the decisions of a saga's steps as a history. Later versions replay the history:
 * schemas/src/histories.test.ts.
 */
async function recorded(transferId: string, name: string): Promise<void> {
  const instance = `select instance from converge.saga_fence where key = $1 limit 1`;
  const [row] = await scene.rows<{ instance: string }>(instance, [transferId]);
  const file = new URL(`../../../schemas/histories/bank.transfer-money.v1.${name}.json`, import.meta.url);
  await expect(await scene.history(row!.instance)).toMatchFileSnapshot(file.pathname);
}

describe('a transfer', () => {
  it('S68: a transfer moves the money from one bank to the other', async () => {
    const { transferId, ...sent } = await send({ from: 'g1', to: 's1', amountCents: 300 });
    expect(sent).toEqual({ state: 'settled', reason: null, moved: 'g1 -300, s1 300' });
    await recorded(transferId, 'settled');
  });

  it.each([
    ['an account that is not there', 'g9', 10, /no account g9/],
    ['an account that is closed', 'g2', 10, /g2 is closed/],
    ['more than an account holds', 'g1', 5_000, /too few/],
  ])('a transfer from %s is refused, and nothing moves', async (_what, from, amountCents, reason) => {
    const { state, reason: why, moved } = await send({ from, to: 's1', amountCents });
    expect([state, moved]).toEqual(['refused', '']);
    expect(why).toMatch(reason);
  });

  // Planted fault: a withdrawal whose `compensate` books nothing leaves the money nowhere, and fails here.
  it.each([
    ['an account that is not there', 's9'],
    ['an account that is closed', 's2'],
  ])('a transfer to %s is returned', async (_what, to) => {
    const { state, moved, transferId } = await send({ from: 'g1', to, amountCents: 20 });
    expect([state, moved]).toEqual(['refused', 'g1 -20, g1 20']);
    await recorded(transferId, 'came-back');
  });

  it('a transfer is made once, however often it is requested', async () => {
    const body = { from: 'g1', to: 's1', amountCents: 1 };
    const answers = await Promise.all(Array.from({ length: 10 }, () => request('again', body)));
    expect(new Set(answers.map(([status, { transferId }]) => `${status} ${transferId}`)).size).toBe(1);
    expect((await request('again', { ...body, amountCents: 2 }))[0]).toBe(422);
    expect((await request('odd', { ...body, amountCents: -1 }))[0]).toBe(400);
    expect((await fetch(url(`/transfers/${newUuidV7()}`))).status).toBe(404);
    expect(server.errors).toEqual([]);
  });

  it('all transfers together leave the sum of money unchanged', async () => {
    const atRest = async (): Promise<boolean> =>
      (await scene.rows(`select 1 from transfer where state = 'requested'`)).length === 0;
    await waitUntil(atRest, { what: 'the last transfer to end' });
    const sums = await scene.rows(
      'select sum(opened_cents)::int as opened, sum(balance_cents)::int as balance from account',
    );
    expect(sums).toEqual([{ opened: 2_100, balance: 2_100 }]);
  });
});
