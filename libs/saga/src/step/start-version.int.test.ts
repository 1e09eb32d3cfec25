import { type DomainEvent, defineEvent } from '@convergekit/contracts';
import { type ConsumerDefinition, consumerService, defineConsumer } from '@convergekit/inbox';
import { waitUntil } from '@convergekit/testing';
import type { Transaction } from 'kysely';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { makeTopics, quickRetries } from '@convergekit/inbox/testing';
import { defineSaga, starts } from '../declare/index.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { readInstance } from '../observe/instance-sql.ts';
import { sagaObserver } from '../observe/observer.ts';
import { declareCalls } from '../calls/work/worker-sql.ts';
import { callsOf } from './calls/calls-of.ts';
import { step } from './step.ts';

interface Db {
  done: { line?: number; step: string; order_id: string; what: string };
}
type Order = { readonly order: string };
interface Context {
  readonly tx: Transaction<Db>;
}

const data = z.object({ order: z.string() });
const event = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ order }: Order) => order, data });
const placed = event('group.placed', 'orders');
const cancelled = event('group.cancelled', 'orders');
const reserved = event('group.reserved', 'stock');
const released = event('group.released', 'stock');
const taken = event('group.taken', 'money');
const refunded = event('group.refunded', 'money');
const handed = event('group.handed', 'parcels');

// Two services begin with the start of the saga, and are deployed one after the other.
const declare = (version: number) =>
  defineSaga('group', { version, start: placed, cancel: cancelled })
    .parallel({
      reserve: { by: 'inventory', success: reserved, undone: released },
      pay: { by: 'payments', success: taken, undone: refunded },
    })
    .pivot('ship', { by: 'shipping', success: handed });
const first = declare(1);
const second = declare(2);
const of = (version: 1 | 2) => (version === 1 ? first : second);

type Maker<Type extends string> = (of: Order) => DomainEvent<Order, Type>;
const undoable = <S extends string, U extends string>(
  name: string,
  version: number,
  success: Maker<S>,
  undone: Maker<U>,
) => ({
  apply: async ({ data: { order } }: { readonly data: Order }, { tx }: Context) => {
    await done(tx, `${name} v${version}`, order, 'apply');
    return success({ order });
  },
  compensate: async ({ intent }: { readonly intent: { readonly data: Order } }, { tx }: Context) => {
    await done(tx, `${name} v${version}`, intent.data.order, 'undo');
    return undone(intent.data);
  },
  noop: ({ key }: { readonly key: string }) => undone({ order: key }),
});
const ship = {
  apply: async ({ data: { order } }: { readonly data: Order }, { tx }: Context) => {
    await done(tx, 'ship', order, 'apply');
    return handed({ order });
  },
};
const done = (tx: Transaction<Db>, name: string, order: string, what: string) =>
  tx.insertInto('done').values({ step: name, order_id: order, what }).execute();

const consumer = (name: string) => defineConsumer<Db>(name, { from: 'first' });
const inventory = (...versions: readonly (1 | 2)[]) =>
  versions.reduce<ConsumerDefinition<Db>>(
    (whole, version) =>
      whole.include(step(of(version).reserve, undoable('reserve', version, reserved, released))),
    consumer('inventory'),
  );
const payments = (...versions: readonly (1 | 2)[]) =>
  versions.reduce<ConsumerDefinition<Db>>(
    (whole, version) => whole.include(step(of(version).pay, undoable('pay', version, taken, refunded))),
    consumer('payments'),
  );
const shipping = (...versions: readonly (1 | 2)[]) =>
  versions.reduce<ConsumerDefinition<Db>>(
    (whole, version) => whole.include(step(of(version).ship, ship)),
    consumer('shipping'),
  );

let scene: SagaScene<Db>;
let running: { stop(): Promise<void> } | undefined;

beforeEach(async () => {
  scene = await SagaScene.open<Db>(
    inject('stack').databaseUrl,
    'create table done (line bigint generated always as identity, step text not null, order_id text not null, what text not null)',
  );
  // Deployed so far: payments is the last in the roll-out.
  await makeTopics(scene.broker, ['money', 'payments.failures'], 1);
  await scene.start([
    inventory(1, 2),
    shipping(1, 2),
    sagaObserver<Db>({ sagas: [first.declaration, second.declaration], from: 'first' }),
  ]);
  await deploy(payments(1));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await scene.close();
});

async function deploy(next: ConsumerDefinition<Db>): Promise<void> {
  await running?.stop();
  const { database, broker } = scene;
  await declareCalls(
    database.executor,
    callsOf(next).map(({ name }) => name),
    'payments',
  );
  const service = consumerService([next], { database, broker, ...quickRetries() });
  await service.start();
  running = service;
}

/** Lists the effects of an order, and the versions of its fences. */
async function effects(order: string): Promise<readonly string[]> {
  const rows = await scene.rows<{ what: string; step: string }>(
    'select what, step from done where order_id = $1 order by step, line',
    [order],
  );
  return rows.map(({ what, step: name }) => `${what} ${name}`);
}

const fencesOf = async (instance: string): Promise<string> => {
  const rows = await scene.rows<{ step: string; version: number; state: string }>(
    'select step, version, state from converge.saga_fence where instance = $1 order by step',
    [instance],
  );
  return rows.map(({ step: name, version, state }) => `${name}:v${version}:${state}`).join(' ');
};
async function until(instance: string, wanted: string): Promise<void> {
  let last = '';
  await waitUntil(async () => (last = await fencesOf(instance)) === wanted, {
    what: `the saga to be at ${wanted}`,
  }).catch((error: unknown) => {
    throw new Error(`it is at ${last}`, { cause: error });
  });
}

// Planted fault: with the start taken by the newest version of each service, inventory begins version 2, payments version 1;
// version 2 is cancelled, and what payments took under version 1 stays taken.
it('G6p: a start that names its version begins that version in every service of a first group, and a cancellation undoes all of it', async () => {
  scene.pump.held.add('group.reserved');
  const instance = await scene.emit(starts(placed, first)({ order: 'off' }));
  await until(instance, 'pay:v1:applied reserve:v1:applied');
  await scene.emit(cancelled({ order: 'off' }));
  await until(instance, 'pay:v1:undone reserve:v1:undone ship:v1:tombstoned');
  expect(await effects('off')).toEqual([
    'apply pay v1',
    'undo pay v1',
    'apply reserve v1',
    'undo reserve v1',
  ]);
  await waitUntil(
    async () => (await readInstance(scene.database.executor, instance))?.state === 'compensated',
    { what: 'the observer to see its end' },
  );
});

it('a start that names a version that one service does not know waits there until that service knows it', async () => {
  const instance = await scene.emit(starts(placed, second)({ order: 'new' }));
  await until(instance, 'reserve:v2:applied');
  await waitUntil(
    async () =>
      (
        await scene.rows(
          `select from converge.parked where consumer = 'payments' and code = 'SAGA_VERSION_AHEAD'`,
        )
      ).length === 1,
    { what: 'the start to wait in payments' },
  );
  await deploy(payments(1, 2));
  await until(instance, 'pay:v2:applied reserve:v2:applied ship:v2:applied');
  expect(await effects('new')).toEqual(['apply pay v2', 'apply reserve v2', 'apply ship']);
});

// Planted fault: without the refusal inventory takes it as version 2, and payments as version 1.
it('a start of a foreign producer that names no version is refused by a service that knows two, and what another one began is undone', async () => {
  const instance = await scene.emit(placed({ order: 'foreign' }));
  await until(instance, 'pay:v1:undone reserve:v1:failed_not_applied ship:v1:tombstoned');
  expect(await effects('foreign')).toEqual(['apply pay v1', 'undo pay v1']);
  const [failed] = await scene.rows<{ reason_code: string }>(
    `select reason_code from converge.saga_fence where instance = $1 and step = 'reserve'`,
    [instance],
  );
  expect(failed).toEqual({ reason_code: 'SAGA_START_UNVERSIONED' });
});
