import { rewrite, WITHOUT_TRIGGERS } from '../../../../testing/src/fixture/any-table.ts';
import { fileURLToPath } from 'node:url';
import { migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { ConvergeError } from '@convergekit/core';
import { sagaMigrations, sagaObserver } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { migratedDatabase } from '@convergekit/testing/engine';
import { pauseSaga, readPauses } from '@convergekit/saga/operate';
import { SagaScene } from '../../../../saga/src/fixture/saga-scene.ts';
import { cli } from '../../fixture/cli.ts';
import { pauseItems } from '../../../../operate/src/conditions/saga-items.ts';
import { type TripDb, tripSaga, tripTables } from '../../fixture/trip-saga.ts';

const lost = new ConvergeError('the line broke', { code: 'LOST', category: 'network', certainty: 'unknown' });
const charged = new Set<string>();
const world = {
  idempotency: 'none',
  charge: (trip: string) => {
    const first = !charged.has(trip);
    charged.add(trip);
    return trip.startsWith('lost') && first ? Promise.reject(lost) : Promise.resolve();
  },
  refund: () => Promise.resolve(),
  hasSeats: () => true,
} as const;
const { trip, asked, consumers } = tripSaga('cli', world, 600_000);
const sagasModule = fileURLToPath(new URL('../../fixture/cli-trip.ts', import.meta.url));
let scene: SagaScene<TripDb>;
let env: { readonly DATABASE_URL: string };

beforeAll(async () => {
  const { databaseUrl } = inject('stack');
  scene = await SagaScene.open<TripDb>(databaseUrl, tripTables);
  await migrate(scene.database, [relayMigrations]);
  const [row] = await scene.rows<{ name: string }>('select current_database() as name');
  const url = new URL(databaseUrl);
  url.pathname = `/${row!.name}`;
  env = { DATABASE_URL: url.href };
  const observer = sagaObserver<TripDb>({ sagas: [trip.declaration], from: 'first' });
  await scene.start([...consumers, observer]);
});
afterAll(() => scene.close());

async function states(): Promise<readonly string[]> {
  const { stdout } = await cli(['saga', 'list', '--json'], env);
  return (JSON.parse(stdout) as { key: string; state: string }[])
    .map(({ key, state }) => `${key} ${state}`)
    .toSorted();
}

/** Makes another database that runs a step of the saga, in which it is paused. Returns its address. */
async function pausedElsewhere(): Promise<string> {
  const sets = [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations];
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, sets, { prefix: 'bank' });
  onTestFinished(() => database.close());
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, created_at, state, changed_at, cause_event)
     values ('trip', 'i', 'audit', 1, 'c', 'k', clock_timestamp(), 'started', clock_timestamp(), 'e')`,
  );
  await pauseSaga(database, { saga: 'trip' }, { by: 'ann', reason: 'the bank charges twice' });
  return url;
}

describe('converge saga', () => {
  it('`converge saga` lists and shows sagas, lets an operator record the outcome of a call, and shows the narrative', async () => {
    await scene.emit(asked({ trip: 'good' }));
    const instance = await scene.emit(asked({ trip: 'lost' }));
    await scene.until(instance, 'pay:stuck room:applied');
    await waitUntil(async () => (await states()).join() === 'good completed,lost stuck', {
      what: 'both to be seen',
    });
    const list = await cli(['saga', 'list', '--state', 'stuck'], env);
    expect(list.stdout).toContain('pay waits for an operator: outcome_unknown (it may have taken effect');
    const show = await cli(['saga', 'show', instance], env);
    expect(show.stdout).toMatch(/pay +cli-bank +stuck/);
    const said = [
      '--event',
      'trip.paid',
      '--data',
      '{"trip":"lost"}',
      '--sagas',
      sagasModule,
      '--reason',
      'their ledger shows it',
      '--yes',
    ];
    expect((await cli(['saga', 'resolve', instance, 'seat', ...said], env)).stderr).toContain(
      'nothing of step seat',
    );
    // Planted fault: without the check both print that it has succeeded, and the second one publishes a fact of another key.
    const wrong = (at: number, text: string): readonly string[] => said.with(at, text);
    for (const [words, message] of [
      [wrong(1, 'trip.payd'), 'did you mean trip.paid?'],
      [wrong(3, '{"trip":"another"}'), 'an event of key "another"'],
      [wrong(3, '{"trap":"lost"}'), 'the data is not that of trip.paid'],
      [said.toSpliced(4, 2), 'name the module that exports it'],
    ] as const) {
      const refused = await cli(['saga', 'resolve', instance, 'pay', ...words], env);
      expect([refused.code === 0, refused.stdout]).toEqual([false, '']);
      expect(refused.stderr).toContain(message);
    }
    expect(await cli(['saga', 'resolve', instance, 'pay', ...said], env)).toMatchObject({ code: 0 });
    await waitUntil(async () => (await states()).join() === 'good completed,lost completed', {
      what: 'both to end',
    });
    const story = (await cli(['saga', 'narrative', instance], env)).stdout;
    for (const text of [
      '"the line broke"',
      'pay waits for an operator',
      'their ledger shows it',
      'pay has taken effect',
      'seat has taken effect',
    ])
      expect(story).toContain(text);
    const unknown = await cli(['saga', 'narrative', 'no-such'], env);
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('saga no-such is not known') as string,
    ]);
  });

  it('G6l: `converge saga retry` retries a step that waits for an operator, and the journal names who did so, and why', async () => {
    const instance = await scene.emit(asked({ trip: 'lost-again' }));
    await waitUntil(async () => (await states()).includes('lost-again stuck'), { what: 'it to wait' });
    const why = ['--reason', 'they have no record', '--yes'];
    const all = await cli(['saga', 'retry', ...why], env);
    expect([all.code, all.stderr]).toEqual([2, expect.stringContaining('choose which sagas') as string]);
    const look = await cli(['saga', 'retry', instance, '--dry-run'], env);
    expect([look.code, look.stdout]).toEqual([0, expect.stringContaining(`pay of ${instance}`) as string]);
    const wrong = await cli(['saga', 'retry', instance, 'seat', ...why], env);
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringContaining('nothing of step seat') as string,
    ]);
    expect(await cli(['saga', 'resolve', instance, 'pay', '--effect-stays', ...why], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pay has no undo that waits') as string,
    });
    // `converge call` would leave the journal of the step behind.
    const [work] = await scene.rows<{ id: string }>(
      'select id from converge.saga_work where instance = $1 and op = $2',
      [instance, 'apply'],
    );
    expect((await cli(['call', 'retry', work!.id, ...why], env)).stderr).toContain(
      `converge saga retry ${instance} pay`,
    );
    expect(await cli(['saga', 'retry', instance, 'pay', ...why], env)).toMatchObject({ code: 0 });
    await waitUntil(async () => (await states()).includes('lost-again completed'), { what: 'it to end' });
    const acts = await scene.rows<{ trigger: string; note: string; named: boolean }>(
      `select trigger, note, actor is not null as named from converge.saga_step where instance = $1 and note is not null`,
      [instance],
    );
    expect(acts).toEqual([{ trigger: 'retry', note: 'they have no record', named: true }]);
    const story = (await cli(['saga', 'narrative', instance], env)).stdout;
    expect(story).toMatch(/pay is tried again.*\(operator .*: they have no record\)/);
  });

  it('`converge saga pause` holds the calls of a saga, which is shown with its next command, and `converge saga resume` continues it', async () => {
    const why = ['--reason', 'the bank charges twice'];
    expect((await cli(['saga', 'pause', 'tripp', ...why], env)).stderr).toContain('did you mean trip?');
    const paused = await cli(['saga', 'pause', 'trip', '--database', env.DATABASE_URL, ...why], env);
    expect([paused.code, paused.stdout]).toEqual([
      0,
      expect.stringMatching(/trip is paused in 1 database\. \S+: 0 calls wait/),
    ]);
    expect(paused.stdout).toContain(
      '`converge saga resume trip --reason "…"`, over the same databases, continues it',
    );
    const instance = await scene.emit(asked({ trip: 'held' }));
    await scene.until(instance, 'pay:started room:applied');
    expect((await cli(['saga', 'pause', 'trip', ...why], env)).stderr).toContain('paused already');
    const [item] = pauseItems(await readPauses(scene.database.executor, { limit: 1 }), 0);
    expect(item).toMatchObject({
      text: expect.stringMatching(
        /^trip is paused by .* since .*the bank charges twice.*: 1 call waits, 0 in flight end$/,
      ) as string,
      next: 'converge saga resume trip --reason "…"',
    });
    expect(charged.has('held')).toBe(false);
    const over = ['--reason', 'they fixed it'];
    // Planted fault: of the databases that paused it, only DATABASE_URL is resumed, without a word about the others.
    const settings = {
      CONVERGE__DATABASES__TRIPS: env.DATABASE_URL,
      CONVERGE__DATABASES__BANK: await pausedElsewhere(),
    };
    const resumed = await cli(['saga', 'resume', 'trip', '--rate', '100', ...over], settings);
    expect([resumed.code, resumed.stdout]).toEqual([
      0,
      'bank: 0 calls are due, 100 a second\ntrips: 1 call is due, 100 a second\ntrip is resumed in 2 databases: 1 call is due, 100 a second\n',
    ]);
    await waitUntil(async () => (await states()).includes('held completed'), { what: 'it to end' });
    expect((await cli(['saga', 'resume', 'trip', ...over], env)).stderr).toContain('is not paused');
    const acts = await scene.rows<{ act: string; reason: string }>(
      `select act, reason from converge.audit where subject_id = 'trip' order by id`,
    );
    expect(acts).toEqual([
      { act: 'saga pause', reason: 'the bank charges twice' },
      { act: 'saga resume', reason: 'they fixed it' },
    ]);
  });

  it('G8b, S32, S57: `converge saga verify` accepts journals that the kit wrote, and finds rows that were changed by hand', async () => {
    expect(await cli(['saga', 'verify'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('rows checked, 0 findings') as string,
    });
    await rewrite(scene.database.executor, 'emit_success', 'emit_failure');
    await scene.rows(
      `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, journal)
       select 'trip', 'made-up', 'room', 1, 'c', 'k', 'undo_pending', 'e', array[
         '{"op":"compensate","trigger":"undo","from":"applied","to":"undo_pending","act":"undo","cause":"no-such-event"}']
        where ${WITHOUT_TRIGGERS}`,
    );
    await scene.rows(
      `insert into converge.workflow (workflow, id, input, entries) values ('tenant', 'acme', '{}', 1)`,
    );
    const one = await cli(['saga', 'verify', 'acme'], env);
    expect([one.code, one.stdout]).toEqual([1, expect.stringContaining('workflow tenant acme: ') as string]);
    const json = await cli(['saga', 'verify', 'acme', '--json'], env);
    expect(JSON.parse(json.stdout)).toMatchObject({
      journals: 1,
      rows: 0,
      findings: [{ kind: 'workflow', name: 'tenant', id: 'acme', code: 'end_missing' }],
    });
    const found = await cli(['saga', 'verify'], env);
    expect(found.code).toBe(1);
    expect(found.stdout).toContain(
      'applied on started gives applied and emit_success, not applied and emit_failure',
    );
    expect(found.stdout).toContain('no step emitted event no-such-event, which it names as its cause');
  });

  it('S30: `converge saga` draws and checks the sagas of a module, and names a subscription that is missing', async () => {
    const drawn = await cli(['saga', 'graph', 'schemas/src/index.ts'], {});
    expect(drawn).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('\n  start --> do_reserve\n') as string,
    });
    expect(drawn.stdout).toContain(
      [
        '%% 1. reserve by inventory: compensatable',
        '%%    begins on shop.order.placed v1 (shop.orders)',
        '%%    emits shop.stock.reserved v1 (shop.inventory), shop.stock.rejected v1 (shop.inventory)',
        '%%    undo: yes, on converge.failure (inventory.failures), shop.payment.declined v1 (shop.payments), converge.failure (payments.failures), shop.payment.refunded v2 (shop.payments), converge.step_undone v1 (payments.failures)',
        '%%    undone: shop.stock.released v1 (shop.inventory)',
        '%% 2. pay by payments: compensatable, a call',
      ].join('\n'),
    );
    const checked = await cli(['saga', 'graph', 'schemas/src/index.ts', '--consumers'], {});
    expect(checked.code).not.toBe(0);
    expect(checked.stderr).toContain('step reserve: there is no consumer inventory that would run it');
  });
});
