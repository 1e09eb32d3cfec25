import { setPolicyRule } from '@convergekit/postgres/operate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Asked, type ConsoleUnderTest, startConsole } from '../fixture/console-under-test.ts';
import {
  repairedKeys,
  runStock,
  seedFailedCall,
  seedFailures,
  seedSchedules,
  seedStock,
  STOCK_MODULE,
} from '../fixture/stock-scene.ts';

type Names = 'orders' | 'inventory';

let shown: ConsoleUnderTest<Names>;
let repaired: string;
let held: readonly string[];
beforeAll(async () => {
  const { databaseUrl } = inject('stack');
  shown = await startConsole(databaseUrl, ['orders', 'inventory'], {
    CONVERGE__MODULES: STOCK_MODULE,
    CONVERGE__CONSOLE__PAYLOADS: 'full',
  });
  ({ repaired, held } = await seedStock(shown.databases));
});
afterAll(() => shown.stop());

/** Asks the API, as a reader or as the operator ada. */
async function ask(path: string, options?: Asked) {
  const response = await shown.ask(`/api${path}`, options);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const page = (path: string, options?: Asked): Promise<string> => shown.page(path, options);

describe('drift', () => {
  it('the list has the divergent keys of each reconciler by verdict', async () => {
    expect((await ask('/drift')).body).toMatchObject({
      reconcilers: [
        {
          database: 'inventory',
          name: 'stock-reserved',
          pending: 4,
          verdicts: [{ verdict: 'held', keys: 4 }],
        },
      ],
      unread: [],
    });
  });

  it('G5o: pages show which fields differ and no value; an operator sees values with a reason, and the look is audited', async () => {
    const path = '/drift/inventory/stock-reserved';
    for (const user of [undefined, 'ada'] as const) {
      const shownTo = async (below: string) => {
        const asked = user === undefined ? {} : { user };
        return JSON.stringify((await ask(below, asked)).body) + (await page(below, asked));
      };
      for (const below of [path, `${path}/repairs`, `/drift/key?key=${held[0]}`])
        expect([below, user, await shownTo(below)]).not.toEqual([
          below,
          user,
          expect.stringContaining('customer'),
        ]);
    }
    expect((await ask(path)).body).toMatchObject({ declared: true });
    expect((await ask(`${path}/values`, { body: { reason: 'ticket 7' } })).status).toBe(401);
    expect((await ask(`${path}/values`, { user: 'ada', body: {} })).status).toBe(400);
    const looked = await ask(`${path}/values`, { user: 'ada', body: { reason: 'ticket 7' } });
    expect(JSON.parse(String(looked.body['payload']))).toMatchObject(
      held.map((key) => ({
        key,
        fields: [
          { field: 'note', desired: `for customer ${key.slice(4)}`, marks: ['owned'] },
          {
            field: 'quantity',
            desired: 10 * Number(key.slice(4)),
            actual: Number(key.slice(4)),
            marks: ['differs', 'owned'],
          },
          { field: 'version', actual: 1, marks: ['version'] },
        ],
      })),
    );
    const { rows } = await shown.databases.inventory.executor.query(
      `select by, subject_id, reason from converge.audit where act = 'state look'`,
    );
    expect(rows).toEqual([{ by: 'ada', subject_id: 'stock-reserved', reason: 'ticket 7' }]);
  });

  it('one key has its differences in all reconcilers, and its repairs', async () => {
    expect((await ask(`/drift/key?key=${repaired}`, { user: 'ada' })).body).toMatchObject({
      keys: [{ reconciler: 'stock-reserved', verdict: 'in_sync' }],
      repairs: [
        {
          verdict: 'repaired',
          after: { quantity: '‹number›' },
          actor: 'reconciler test',
        },
      ],
    });
    expect(await page('/drift/key?key=%3Cscript%3Ealert(1)%3C%2Fscript%3E')).not.toContain('<script>alert');
  });

  it('an approval of chosen keys repairs these and no other', async () => {
    const path = '/reconcile/approve?database=inventory&name=stock-reserved';
    const preview = await ask(`${path}&key=${held[3]}&key=${held[1]}`);
    expect(preview.body).toMatchObject({ eligible: 2, others: [{ count: 2 }] });
    expect((await ask(path, { body: { key: [held[3]], reason: 'x' } })).status).toBe(401);
    const approved = await ask(path, { user: 'ada', body: { key: [held[1], held[3]], reason: 'checked' } });
    expect(approved.body).toMatchObject({ changed: 2, href: '/drift/inventory/stock-reserved' });
    await runStock(shown.databases);
    expect(await repairedKeys(shown.databases)).toEqual([repaired, held[1], held[3]].toSorted());
    const history = await ask('/drift/inventory/stock-reserved/repairs', { user: 'ada' });
    expect(history.body['acts']).toContainEqual(
      expect.objectContaining({ act: 'reconcile approve', by: 'ada', reason: 'checked' }),
    );
  });
});

describe('schedules', () => {
  it('all schedules that match a filter are paused, resumed and asked for a run, each with its audit row', async () => {
    const { inventory } = shown.databases;
    await seedSchedules(inventory, ['price-eu', 'price-us', 'tax']);
    expect((await ask('/schedules?name=price-')).body['schedules']).toMatchObject([
      { reconciler: 'price-eu', missed: 2, overrun: 1, last: { state: 'completed' } },
      { reconciler: 'price-us' },
    ]);
    const act = (name: string) =>
      ask(`/reconcile/${name}`, { user: 'ada', body: { matching: 'price-', reason: 'price list' } });
    expect((await act('pause')).body).toMatchObject({ changed: 2 });
    expect((await ask('/reconcile/pause?matching=price-')).body).toMatchObject({
      eligible: 0,
      others: [
        { count: 2, why: expect.stringContaining('price-eu, price-us: paused already, by ada') as string },
      ],
    });
    expect((await act('run')).body).toMatchObject({ changed: 0 });
    expect((await act('resume')).body).toMatchObject({ changed: 2 });
    expect((await act('run')).body).toMatchObject({ changed: 2 });
    const { rows } = await inventory.executor.query<{ act: string; by: string }>(
      `select act, by from converge.audit where act ~ '^reconcile (pause|resume|run)' order by id`,
    );
    const acts = ['pause', 'resume', 'run'].flatMap((name) => Array<string>(2).fill(`reconcile ${name}`));
    expect(rows).toEqual(acts.map((act) => ({ act, by: 'ada' })));
    expect(await page('/schedules')).toContain('150 %');
  });
});

describe('policies', () => {
  it('a change is shown beside the failed attempts around it, and the policy is explained and simulated', async () => {
    const { inventory } = shown.databases;
    await setPolicyRule(inventory.executor, {
      name: 'consumer.billing',
      change: { attempts: 2 },
      by: 'bob',
      reason: 'less load',
    });
    await inventory.executor.query(`update converge.audit set at = clock_timestamp() - interval '2 hours'`);
    await seedFailures(inventory, [60, 61, 62, 200]);
    await seedFailedCall(inventory);
    const { body } = await ask('/policies?hours=6&database=inventory');
    expect(body['databases']).toMatchObject([
      { changes: [{ name: 'consumer.billing', before: null, after: { attempts: 2 }, changedBy: 'bob' }] },
    ]);
    const spans = (
      body['databases'] as readonly { readonly rate: { readonly spans: readonly number[] } }[]
    )[0];
    expect(spans?.rate.spans.reduce((sum, failed) => sum + failed, 0)).toBe(4 + 2);
    const one = await ask('/policies/inventory/consumer.billing');
    expect(one.body).toMatchObject({ refused: [], simulated: { length: 9 } });
    expect(one.body['lines']).toContainEqual(expect.stringMatching(/^attempt 2: /));
  });
});

describe('consumers and relays', () => {
  it('the relays of all databases are listed, and without a broker the page says that lag is not known', async () => {
    const { body } = await ask('/consumers');
    expect(body).toMatchObject({ relays: [{ leader: null, term: '0', backlog: 0 }, {}], unread: [] });
    expect(body['lagUnknown']).toContain('no broker is set');
    expect([body['members'], body['membersUnknown']]).toEqual([[], body['lagUnknown']]);
  });

  it('one consumer is paused, once, and the page of the consumer leads there', async () => {
    const { executor } = shown.databases.orders;
    await executor.query(`insert into converge.inbox_consumer (name) values ('to-pause')`);
    await executor.query(
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
       select 'to-pause', 'a.topic', n, 0, n from generate_series(0, 1) n`,
    );
    expect(await page('/consumers?consumer=to-pause')).toContain('/consumers/pause?consumer=to-pause');
    const path = '/consumers/pause?consumer=to-pause';
    expect((await ask(path)).body).toMatchObject({ eligible: 2, others: [] });
    const body = { reason: 'a bad release' };
    expect((await ask(path, { user: 'ada', body })).body).toMatchObject({ changed: 2 });
    expect((await ask(path)).body).toMatchObject({ eligible: 0, others: [{ count: 2 }] });
    expect(await page('/consumers?consumer=to-pause')).toContain('paused by ada: a bad release');
    const form = await page('/consumers/resume?consumer=to-pause', { user: 'ada' });
    expect([form.includes('paused partitions'), form.includes('continue=yes')]).toEqual([true, false]);
    expect(await page('/consumers?consumer=to-pause')).not.toContain('halted');
    const { rows } = await executor.query(
      `select act, by, reason, before ->> 'offset' as "from" from converge.audit where subject_id = 'to-pause' order by id`,
    );
    expect(rows).toEqual([
      { act: 'consumers pause', by: 'ada', reason: 'a bad release', from: '0' },
      { act: 'consumers pause', by: 'ada', reason: 'a bad release', from: '1' },
    ]);
  });
});
