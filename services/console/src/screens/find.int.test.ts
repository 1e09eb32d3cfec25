/** Home, search, events and audit by the API, on a real Postgres with a local log. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '@convergekit/core';
import { freshDatabase } from '@convergekit/testing';
import { cli } from '../../../../libs/cli/src/fixture/cli.ts';
import { pauseReconciler } from '@convergekit/reconcile/operate';
import { type ConsoleUnderTest, startConsole } from '../fixture/console-under-test.ts';
import { emitOrders, type OrderScene, playOrders, TOPIC } from '../fixture/order-scene.ts';

let shown: ConsoleUnderTest<'orders' | 'inventory'>;
let scene: OrderScene;
let broker: Readonly<Record<string, string>>;
/** How far the console's clock is ahead of the others, in milliseconds. */
let aheadMs = 0;

beforeAll(async () => {
  const serverUrl = inject('stack').databaseUrl;
  const log = await freshDatabase(serverUrl, 'console_log');
  broker = { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: log };
  const settings = { ...broker, CONVERGE__CONSOLE__PAYLOADS: 'full' };
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  shown = await startConsole(serverUrl, ['orders', 'inventory'], settings, clock);
  scene = await playOrders(shown.databases, log);
});
afterAll(() => shown.stop());

const get = (path: string): Promise<Record<string, unknown>> => shown.get(path);

describe('the console over a service with failures', () => {
  it('home lists the dead letters with their alarm, their age and the next command, what needs an operator first', async () => {
    const { items, unread } = await get('/api/attention');
    expect(unread).toEqual([]);
    expect(items).toContainEqual(
      expect.objectContaining({
        state: 'given up',
        severity: 'act',
        alarm: 'bug',
        database: 'inventory',
        text: expect.stringMatching(
          /^stock: 1 dead letter of 1 key of shop\.orders, TypeError \(bug\); of this topic 1 event waits behind such events$/,
        ),
        since: expect.stringMatching(/Z$/),
        next: 'converge parked groups --consumer stock --state dead',
      }),
    );
    const severities = (items as { severity: string }[]).map(({ severity }) => severity);
    expect(severities).toEqual(severities.toSorted());
  });

  // Planted fault: home is red during each restart; the doctor, which asks no group, is green.
  it('a consumer that has records to read and no process is on home after half a minute, and in the doctor as well', async () => {
    const gone = async () =>
      ((await get('/api/attention'))['items'] as { alarm: string }[]).filter(
        ({ alarm }) => alarm === 'consumer_gone',
      );
    aheadMs = -3_600_000;
    expect(await gone()).toEqual([]);
    aheadMs = 31_000;
    const items = await gone();
    aheadMs = 0;
    const { stdout } = await cli(['doctor', '--json'], { ...shown.environment, ...broker });
    const { findings } = JSON.parse(stdout) as { findings: object[] };
    expect(findings).toContainEqual(
      expect.objectContaining({
        database: 'inventory',
        text: expect.stringMatching(/^no process of stock is in its group, and 1 record waits: /) as string,
      }),
    );
    const listed = await cli(['consumers', 'list'], {
      DATABASE_URL: shown.environment['CONVERGE__DATABASES__INVENTORY'] ?? '',
      ...broker,
    });
    expect(listed.stdout).toMatch(/^stock +no process in its group +0 /m);
    expect(items).toContainEqual(
      expect.objectContaining({
        severity: 'act',
        alarm: 'consumer_gone',
        database: 'inventory',
        text: expect.stringMatching(/^no process of stock is in its group, and 1 record waits: /) as string,
      }),
    );
  });

  it('a database that cannot be read is named, and the others are shown', async () => {
    await shown.databases.orders.executor.query('alter table converge.migration rename to migration_away');
    const { items, unread } = await get('/api/attention');
    await shown.databases.orders.executor.query('alter table converge.migration_away rename to migration');
    const alarms = (items as { database: string; alarm: string }[]).map(
      ({ database, alarm }) => `${database} ${alarm}`,
    );
    expect(alarms).toContain('inventory bug');
    expect([alarms.includes('orders migrations_missing'), unread]).toEqual([true, []]);
  });

  it('a search for a key says why it is late: the dead letter first', async () => {
    const { why, parked, events } = await get(`/api/search?q=${scene.late}`);
    // After some seconds the failure event, which no relay publishes here, is a third reason.
    expect((why as object[]).slice(0, 2)).toMatchObject([
      {
        needs: true,
        text: expect.stringMatching(
          /^stock gave its event up .* and its key waits: TypeError \(bug\): the article has no shelf$/,
        ),
      },
      {
        needs: false,
        text: expect.stringMatching(/^stock parked its event .*: behind another event of its key$/),
      },
    ]);
    expect(parked).toMatchObject([{ state: 'dead' }, { state: 'waiting' }]);
    const placed = (events as { type: string }[]).filter(({ type }) => type === 'shop.order.placed');
    expect(placed).toMatchObject([{ published: true }, { published: true }]);
  });

  it('a search for an event, a position and a trace finds the same event', async () => {
    const { events } = await get(`/api/search?q=${scene.doubled}`);
    const [{ eventId, row } = { eventId: '', row: '' }] = events as { eventId: string; row: string }[];
    expect(await get(`/api/search?q=${eventId}`)).toMatchObject({
      kind: 'id',
      history: { head: expect.stringContaining('shop.order.placed') },
    });
    expect(await get(`/api/search?q=1.5.${row}`)).toMatchObject({ kind: 'position', events: [{ eventId }] });
    expect(await get(`/api/search?q=${'ab'.repeat(16)}`)).toMatchObject({ kind: 'trace', events: [] });
  });

  // For the fault: no search for the key of what looks like an id, a trace or a position.
  it('a key that looks like an id, a trace or a position is found as a key as well', async () => {
    const keys = ['0198B5A0-0000-7000-8000-00000000000A', 'cd'.repeat(16), '1.5.999999'];
    await emitOrders(shown.databases.orders, keys);
    for (const key of keys)
      expect([key, (await get(`/api/search?q=${key}`))['events']]).toEqual([
        key,
        expect.arrayContaining([expect.objectContaining({ key, type: 'shop.order.placed' })]),
      ]);
  });

  it('an event is found by a field that its definition names, on the page and by the command, and no value is shown', async () => {
    const { rows } = await shown.databases.orders.executor.query<{ customer: string; event: string }>(
      `select payload::json ->> 'customer' as customer, event_id::text as event from converge.outbox where key = $1`,
      [scene.doubled],
    );
    const [{ customer, event } = { customer: '', event: '' }] = rows;
    const path = `search?q=${encodeURIComponent(customer)}`;
    expect((await get(`/api/${path}`))['events']).toMatchObject([
      { key: scene.doubled, eventId: event, database: 'orders' },
    ]);
    // The payload's shape is on the page of the event; the value only where the visitor wrote it.
    expect(await shown.page(`events/${event}`)).not.toContain(customer);
    const listed = await cli(['event', 'find', customer, '--json'], shown.environment);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { database: 'orders', key: scene.doubled, eventId: event },
    ]);
    const table = await cli(['event', 'find', 'no such value'], shown.environment);
    expect(table.stdout).toContain('no event has this value in a field to search by');
  });

  it('the log of a key names the records that repeat an event', async () => {
    const answer = await get(`/api/search/log?topic=${TOPIC}&key=${scene.doubled}`);
    const records = answer['records'] as { offset: string; copyOf: string | null }[];
    expect(answer['copies']).toBe(1);
    expect(records.map(({ copyOf }) => copyOf)).toEqual([null, records[0]?.offset]);
  });

  it('G5m: the audit has the acts of every table, finds them by event, and exports them as JSON lines', async () => {
    await pauseReconciler(shown.databases.inventory.executor, 'counts', {
      by: 'ada',
      reason: 'the stock is counted',
    });
    const { rows } = await get('/api/audit');
    expect(rows).toMatchObject([
      { act: 'reconcile pause', by: 'ada', subject: 'counts', database: 'inventory' },
      {
        act: 'parked skip',
        by: 'bob',
        subject: scene.skipped.eventId,
        before: { key: scene.skipped.key },
        reason: 'paid in cash at the counter',
      },
    ]);
    expect((await get(`/api/audit?about=${scene.skipped.eventId}`))['rows']).toMatchObject([
      { act: 'parked skip' },
    ]);
    expect((await get('/api/audit?by=ada&act=reconcile'))['rows']).toMatchObject([{ by: 'ada' }]);
    // Planted fault: as a pattern it finds every act.
    expect((await get('/api/audit?act=%25'))['rows']).toEqual([]);
    const [newest] = rows as { at: string; id: string }[];
    const older = await get(
      `/api/audit?before=${encodeURIComponent(`${newest?.at ?? ''}~${newest?.id ?? ''}`)}`,
    );
    expect(older['rows']).toMatchObject([{ act: 'parked skip' }]);
    const lines = (await shown.page('/audit.jsonl')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { by: string }).by)).toEqual(['ada', 'bob']);
  });

  it('a page masks the payload; a user sees it in full with a reason, and the look is in the audit', async () => {
    const path = `/events/${scene.skipped.eventId}`;
    const { payload, mayOpen } = await get(`/api${path}`);
    expect([JSON.parse(String(payload)), mayOpen]).toEqual([
      { order: '‹text, 8›', customer: '‹text, 45›', cents: '‹number›' },
      true,
    ]);
    const look = `/api${path}/payload`;
    expect((await shown.ask(look, { body: { reason: 'curious' } })).status).toBe(401);
    expect((await shown.ask(look, { user: 'ada', body: {} })).status).toBe(400);
    const seen = await shown.get(look, { user: 'ada', body: { reason: 'ticket 7' } });
    expect(seen['payload']).toContain('"cents":1250');
    expect((await get('/api/audit?act=payload'))['rows']).toMatchObject([
      { act: 'payload look', by: 'ada', reason: 'ticket 7', subject: scene.skipped.eventId },
    ]);
  });

  it('G5n: a look that cannot be recorded shows nothing', async () => {
    const { executor } = shown.databases.orders;
    await executor.query('alter table converge.audit rename to audit_away');
    const answer = await shown.ask(`/api/events/${scene.skipped.eventId}/payload`, {
      user: 'ada',
      body: { reason: 'ticket 8' },
    });
    const text = await answer.text();
    await executor.query('alter table converge.audit_away rename to audit');
    expect(answer.status).toBe(500);
    expect(text).not.toContain('1250');
  });
});
