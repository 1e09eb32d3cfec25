/**
 * Every act of an operator is done through its public door, and read in the history that it belongs to. An act that is new has no
 * case here, and this file does not compile.
 */
import { fileURLToPath } from 'node:url';
import { retryParked } from '@convergekit/inbox/operate';
import { migrate, withTransaction } from '@convergekit/postgres';
import { type ActName, ACTS } from '@convergekit/postgres/operate';
import { acceptRecreatedTopic, disownRecord, forgetTopic, readHeld } from '@convergekit/relay/operate';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { freshDatabase } from '@convergekit/testing';
import { defineWorkflow, workflows } from '@convergekit/workflow';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { allMigrations } from '@convergekit/cli/operate';
import { z } from 'zod';
import { cli } from '../../../../libs/cli/src/fixture/cli.ts';
import { type TripDb, tripSaga, tripTables } from '../../../../libs/cli/src/fixture/trip-saga.ts';
import { SagaScene } from '../../../../libs/saga/src/fixture/saga-scene.ts';
import { mailStep, workflowDatabase, workflowOptions } from '../../../../libs/workflow/src/fixture/scene.ts';
import { World } from '../../../../libs/workflow/src/fixture/world.ts';
import { CONSUMER, type DeadLetter, playDeadLetters, TOPIC } from '../fixture/acts-scene.ts';
import { type ConsoleUnderTest, startConsole, TOKENS } from '../fixture/console-under-test.ts';
import { seedStock, STOCK_MODULE } from '../fixture/stock-scene.ts';
import { urlOf } from '../fixture/whole-scene.ts';

const EVENTS = fileURLToPath(new URL('../fixture/acts-scene.ts', import.meta.url));
const RECONCILER = 'stock-reserved';
const lost = new ConvergeError('the line broke', { code: 'LOST', category: 'network', certainty: 'unknown' });
const world = {
  idempotency: 'none',
  charge: () => Promise.reject(lost),
  refund: () => Promise.resolve(),
  hasSeats: () => true,
} as const;
const { asked, consumers } = tripSaga('cli', world, 600_000);

type Story = 'event' | 'saga' | 'other saga' | 'reconciler' | 'workflow' | 'policy';

interface ActCase {
  /** Does the act; `reason` is to be found in the history. */
  readonly act: (reason: string) => Promise<unknown>;
  readonly story: Story;
  /** The text in the history, for an act that asks for no reason. */
  readonly shows?: string;
}

let shown: ConsoleUnderTest<'orders' | 'inventory'>;
let trips: SagaScene<TripDb>;
let letters: readonly DeadLetter[];
let closeWorkflows: (() => Promise<void>) | undefined;
const instances: string[] = [];
const env = { orders: {}, inventory: {}, trips: {}, workflows: {}, reconcile: {} } as Record<
  'orders' | 'inventory' | 'trips' | 'workflows' | 'reconcile',
  Record<string, string>
>;

beforeAll(async () => {
  const { databaseUrl } = inject('stack');
  const log = await freshDatabase(databaseUrl, 'acts_log');
  const local = { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: log };
  trips = await SagaScene.open<TripDb>(databaseUrl, tripTables);
  await migrate(trips.database, allMigrations);
  env.trips = { DATABASE_URL: await urlOf(databaseUrl, trips.database) };
  shown = await startConsole(databaseUrl, ['orders', 'inventory'], {
    ...local,
    CONVERGE__CONSOLE__MODULES: STOCK_MODULE,
    CONVERGE__CONSOLE__PAYLOADS: 'full',
    CONVERGE__CONSOLE__DATABASES__TRIPS: env.trips['DATABASE_URL'] ?? '',
  });
  const { orders, inventory } = shown.databases;
  env.orders = { ...local, DATABASE_URL: await urlOf(databaseUrl, orders) };
  env.inventory = { ...local, DATABASE_URL: await urlOf(databaseUrl, inventory) };
  env.reconcile = {
    CONVERGE__RECONCILE__MODULES: STOCK_MODULE,
    CONVERGE__RECONCILE__DATABASES__ORDERS: env.orders['DATABASE_URL'] ?? '',
    CONVERGE__RECONCILE__DATABASES__INVENTORY: env.inventory['DATABASE_URL'] ?? '',
  };
  letters = await playDeadLetters(shown.databases, log, ['o-1', 'o-2', 'o-3']);
  await seedStock(shown.databases);
  await inventory.executor.query(
    `insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause, state, stuck_reason)
     select gen_random_uuid(), $1, 'h', 'stock.move', 'o-1', n::text, '{}', $2, 'stuck', 'outcome_unknown' from generate_series(1, 2) n`,
    [CONSUMER, JSON.stringify({ eventId: letters[0]?.eventId })],
  );
  await trips.start(consumers);
  for (const trip of ['one', 'two']) instances.push(await trips.emit(asked({ trip })));
  for (const instance of instances) await trips.until(instance, 'pay:stuck room:applied');
  await stickWorkflows(databaseUrl);
});
afterAll(async () => {
  await shown.stop();
  await trips.close();
  await closeWorkflows?.();
});

/** Leaves three workflows stuck at an undo that cannot be done. */
async function stickWorkflows(databaseUrl: string): Promise<void> {
  const made = await workflowDatabase(databaseUrl);
  env.workflows = { DATABASE_URL: made.url };
  closeWorkflows = () => made.database.close();
  const invite = defineWorkflow({
    name: 'guests.invite',
    input: z.null(),
    result: z.null(),
    steps: { mail: mailStep(new World()) },
    run: async (unit) => {
      await unit.step('mail', { name: 'mail' });
      throw new BusinessRejection('the party is off');
    },
  });
  const all = workflows([invite], { ...workflowOptions, database: made.database });
  for (const id of ['g1', 'g2', 'g3'])
    await expect(all.run(invite, id, null)).rejects.toMatchObject({ code: 'WORKFLOW_STUCK' });
}

/** Runs a command that has to succeed. */
async function converge(of: keyof typeof env, ...args: string[]): Promise<string> {
  const ended = await cli(args, { LOG_LEVEL: 'silent', ...env[of] });
  expect([args.join(' '), ended.code, ended.code === 0 ? '' : ended.stderr]).toEqual([args.join(' '), 0, '']);
  return ended.stdout;
}

const why = (reason: string): string[] => ['--reason', reason, '--yes'];
const letter = (at: number): DeadLetter => letters[at] ?? { id: '', eventId: '' };
const asAda = { authorization: `Bearer ${TOKENS.ada}`, 'content-type': 'application/json' };
const calls = async (): Promise<readonly string[]> =>
  (
    await shown.databases.inventory.executor.query<{ id: string }>(
      `select id from converge.saga_work where effect = 'stock.move' order by idempotency_key`,
    )
  ).rows.map(({ id }) => id);
const orders = () => shown.databases.orders;
const hold = (reason: string) =>
  orders().executor.query(
    `update converge.relay_topic set held_at = (select max(number) from converge.tick), held_reason = $1 where topic = $2`,
    [reason, TOPIC],
  );
const by = (reason: string) => ({ operator: 'ada', reason });

// In the order in which they are done.
const cases: { readonly [Act in ActName]: ActCase } = {
  'payload look': {
    act: (reason) =>
      fetch(new URL(`api/events/${letter(0).eventId}/payload`, shown.url), {
        ...{ method: 'POST', headers: asAda, body: JSON.stringify({ reason }) },
      }),
    story: 'event',
  },
  'consumers fill': {
    act: () =>
      converge(
        'inventory',
        ...['consumers', 'fill', CONSUMER, '--source-url', env.orders['DATABASE_URL'] ?? '', '--yes'],
      ),
    story: 'event',
    shows: `filled ${TOPIC}/0 with 1 missed events (a gap of `,
  },
  'consumers resume': {
    act: (reason) => converge('inventory', 'consumers', 'resume', CONSUMER, ...why(reason)),
    story: 'event',
  },
  'consumers pause': {
    act: (reason) => converge('inventory', 'consumers', 'pause', CONSUMER, '--reason', reason),
    story: 'event',
  },
  'topics accept': {
    act: async (reason) => {
      await hold('TOPIC_RECREATED: another id');
      expect(await acceptRecreatedTopic(orders().executor, TOPIC, by(reason))).toBe(true);
    },
    story: 'event',
  },
  'source disown': {
    act: (reason) => disownRecord(orders().executor, { topic: TOPIC, partition: 0, offset: 0n }, by(reason)),
    story: 'event',
  },
  'topics forget': {
    act: async (reason) => {
      await hold('TOPIC_MISSING: it is gone');
      const held = await readHeld(orders().executor, TOPIC);
      if (held === undefined) throw new Error('the topic is not held');
      expect(await withTransaction(orders(), {}, (tx) => forgetTopic(tx, held, by(reason)))).toBe(true);
    },
    story: 'event',
  },
  'source rebase': {
    act: (reason) => converge('orders', 'source', 'rebase', ...why(reason)),
    story: 'event',
  },
  'parked edit': {
    act: (reason) =>
      converge('inventory', 'parked', 'edit', letter(0).id, '--payload', '{"order":"o-1"}', ...why(reason)),
    story: 'event',
  },
  'parked retry': {
    // The command waits for the outcome, and no consumer runs.
    act: (reason) =>
      retryParked(
        shown.databases.inventory,
        letter(0).id,
        { by: 'ada', reason },
        { afterCompensation: true },
      ),
    story: 'event',
  },
  'parked skip': {
    act: (reason) => converge('inventory', 'parked', 'skip', letter(0).id, '--unreported', ...why(reason)),
    story: 'event',
  },
  'parked replace': {
    act: (reason) =>
      converge(
        'inventory',
        ...['parked', 'replace', letter(1).id, '--payload', '{"order":"o-2"}', '--events', EVENTS],
        ...[...why(reason), '--after-compensation'],
      ),
    story: 'event',
  },
  'consumers replay': {
    act: (reason) =>
      converge(
        'inventory',
        ...['consumers', 'replay', CONSUMER, '--topic', TOPIC, '--everything', ...why(reason)],
        '--after-compensation',
      ),
    story: 'event',
  },
  'consumers types drop': {
    act: () => converge('inventory', 'consumers', 'types', 'drop', CONSUMER, 'shop.ordered', '--yes'),
    story: 'event',
    shows: 'withdrew the type shop.ordered (no version handles it any more)',
  },
  'effects retry': {
    act: async (reason) =>
      converge('inventory', 'effects', 'retry', (await calls())[0] ?? '', ...why(reason)),
    story: 'event',
  },
  'effects resolve': {
    act: async (reason) =>
      converge(
        'inventory',
        'effects',
        'resolve',
        (await calls())[1] ?? '',
        '--failed',
        'GONE',
        ...why(reason),
      ),
    story: 'event',
  },
  'outbox again': {
    act: () => converge('orders', 'outbox', 'again', letter(0).eventId, '--yes'),
    story: 'event',
    shows: 'emitted it again as ',
  },
  'saga retry': {
    act: (reason) => converge('trips', 'saga', 'retry', instances[0] ?? '', 'pay', ...why(reason)),
    story: 'saga',
  },
  'saga resolve': {
    act: (reason) =>
      converge(
        'trips',
        ...['saga', 'resolve', instances[1] ?? '', 'pay', '--failed', 'NO_MONEY', ...why(reason)],
        ...[
          '--sagas',
          fileURLToPath(new URL('../../../../libs/cli/src/fixture/cli-trip.ts', import.meta.url)),
        ],
      ),
    story: 'other saga',
  },
  'saga pause': {
    act: (reason) => converge('trips', 'saga', 'pause', 'trip', '--reason', reason),
    story: 'saga',
  },
  'saga resume': {
    act: (reason) => converge('trips', 'saga', 'resume', 'trip', '--reason', reason),
    story: 'saga',
  },
  'workflow retry': {
    act: (reason) => converge('workflows', 'workflow', 'retry', 'guests.invite', 'g1', ...why(reason)),
    story: 'workflow',
  },
  'workflow resolve': {
    act: (reason) =>
      converge('workflows', 'workflow', 'resolve', 'guests.invite', 'g2', '--undone', ...why(reason)),
    story: 'workflow',
  },
  'workflow forget': {
    act: (reason) =>
      converge('workflows', 'workflow', 'resolve', 'guests.invite', 'g3', '--effect-stays', ...why(reason)),
    story: 'workflow',
  },
  'state look': {
    act: () => fetch(new URL(`api/drift/inventory/${RECONCILER}`, shown.url), { headers: asAda }),
    story: 'reconciler',
    shows: 'looked at states',
  },
  'reconcile approve': {
    act: (reason) =>
      converge('reconcile', 'reconcile', 'approve', RECONCILER, '--repairs', '2', ...why(reason)),
    story: 'reconciler',
  },
  'reconcile retry': {
    act: (reason) => converge('reconcile', 'reconcile', 'retry', RECONCILER, 'sku-1', '--reason', reason),
    story: 'reconciler',
  },
  'reconcile run': {
    act: () => converge('reconcile', 'reconcile', 'run', RECONCILER, '--now'),
    story: 'reconciler',
    shows: 'requested a run',
  },
  'reconcile pause': {
    act: (reason) => converge('reconcile', 'reconcile', 'pause', RECONCILER, '--reason', reason),
    story: 'reconciler',
  },
  'reconcile resume': {
    act: (reason) => converge('reconcile', 'reconcile', 'resume', RECONCILER, '--reason', reason),
    story: 'reconciler',
  },
  'policy set': {
    act: (reason) =>
      converge('orders', 'policy', 'set', 'payment', 'attempts=2', '--unlisted', ...why(reason)),
    story: 'policy',
  },
};

const page = async (path: string): Promise<string> => (await fetch(new URL(path, shown.url))).text();
const narrative = async (at: number): Promise<readonly string[]> => [
  await converge('trips', 'saga', 'narrative', instances[at] ?? ''),
  await page(`sagas/${instances[at] ?? ''}`),
];

/** Every surface of a story: what the command prints, and the console's page. */
const stories: { readonly [Of in Story]: () => Promise<readonly string[]> } = {
  event: async () => {
    const all: string[][] = [[], []];
    for (const { eventId } of letters) {
      const more = ['--database', env.orders['DATABASE_URL'] ?? ''];
      all[0]?.push(await converge('inventory', 'event', 'history', eventId, ...more));
      all[1]?.push(await page(`events/${eventId}`));
    }
    return all.map((texts) => texts.join('\n'));
  },
  saga: () => narrative(0),
  'other saga': () => narrative(1),
  reconciler: async () => [
    await converge('reconcile', 'reconcile', 'history', RECONCILER),
    await page(`drift/inventory/${RECONCILER}/repairs`),
  ],
  workflow: async () => [
    (
      await Promise.all(
        ['g1', 'g2', 'g3'].map((id) => converge('workflows', 'workflow', 'show', 'guests.invite', id)),
      )
    ).join('\n'),
  ],
  policy: async () => [await converge('orders', 'policy', 'history'), await page('policies')],
};

it('G8a: every act of an operator is in the audit once, and in the history that it belongs to, in both surfaces', async () => {
  const names = Object.keys(cases) as ActName[];
  for (const name of names) await cases[name].act(`because of ${name}`);
  const texts = new Map<Story, readonly string[]>();
  const lacking: string[] = [];
  for (const name of names) {
    const { story, shows = `because of ${name}` } = cases[name];
    const surfaces = texts.get(story) ?? (await stories[story]());
    texts.set(story, surfaces);
    for (const [at, text] of surfaces.entries())
      if (!text.includes(shows)) lacking.push(`${name} in surface ${at} of ${story}`);
  }
  expect(lacking).toEqual([]);
  const databases = [...Object.values(shown.databases), trips.database];
  const acts = await Promise.all(
    databases.map(({ executor }) =>
      executor.query<{ act: string }>('select distinct act from converge.audit'),
    ),
  );
  const recorded = new Set(acts.flatMap(({ rows }) => rows.map(({ act }) => act)));
  expect(names.filter((name) => !recorded.has(name) && ACTS[name] !== 'workflow')).toEqual([]);
});

it('G8a: a story names the databases that it was read from, and those that it was not given, with the way to give them', async () => {
  const alone = await converge('inventory', 'event', 'history', letter(2).eventId);
  expect(alone).toMatch(
    /^read from \S+; not given: the database of source \S+; .*give them with --database/m,
  );
  const both = ['--database', env.orders['DATABASE_URL'] ?? ''];
  expect(await converge('inventory', 'event', 'history', letter(2).eventId, ...both)).not.toContain(
    'the database of source',
  );
});
