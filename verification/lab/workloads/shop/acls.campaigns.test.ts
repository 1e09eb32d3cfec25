import { embeddedPostgres, javaTools } from '@convergekit/testing/engine';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeOrder } from '@convergekit/schemas';
import { sagaObserver } from '@convergekit/saga';
import { guardedKafka } from '../../../../libs/cli/src/fixture/guarded-kafka.ts';
import { inventory } from '../../../../services/shop/src/inventory/consumer.ts';
import { orderList } from '../../../../services/shop/src/order-list/consumer.ts';
import { orders } from '../../../../services/shop/src/orders/consumer.ts';
import { payments } from '../../../../services/shop/src/payments/consumer.ts';
import { shipping } from '../../../../services/shop/src/shipping/consumer.ts';
import { killConsumer } from '../../faults/processes.ts';
import { provider } from '../../faults/provider.ts';
import { quietRun } from '../../fixture/quiet-run.ts';
import { type Outcome, runLab } from '../../run.ts';
import type { Evidence } from './extras.ts';
import { ShopPart } from './part.ts';
import { openShop } from './shop.ts';

const observer = sagaObserver({ sagas: [placeOrder.declaration], name: 'saga-observer' });

/** The consumers of each process. */
const CONSUMERS = {
  orders: [orders, orderList],
  observer: [observer],
  inventory: [inventory],
  payments: [payments({} as never)],
  shipping: [shipping],
} as const;

/** The topics that the outbox of each database has events for. */
const RELAYED = {
  'relay-orders': [
    'shop.orders',
    ...['orders', 'order-list', 'saga-observer'].map((name) => `${name}.failures`),
  ],
  'relay-inventory': ['shop.inventory', 'inventory.failures'],
  'relay-payments': ['shop.payments', 'payments.failures'],
  'relay-shipping': ['shop.shipping', 'shipping.failures'],
} as const;

let outcome: Outcome;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const users = [...Object.keys(CONSUMERS), ...Object.keys(RELAYED)];
  const kafka = await guardedKafka(users);
  closers.push(() => kafka.server.dispose());
  const postgres = await embeddedPostgres();
  await postgres.start();
  closers.push(() => postgres.dispose());
  const brokers = kafka.server.address;
  const servers = { databaseUrl: postgres.address, brokers, kafkaTools: javaTools(brokers) };
  const folder = '.converge/acls';
  const world = await openShop({
    stack: servers,
    logFolder: folder,
    envOf: (process) => {
      const user = users.find((name) => process.startsWith(name));
      return user === undefined
        ? {}
        : {
            KAFKA_BROKERS: kafka.door,
            CONVERGE__KAFKA__SASL__MECHANISM: 'scram-sha-256',
            CONVERGE__KAFKA__SASL__USERNAME: user,
            CONVERGE__KAFKA__SASL__PASSWORD: user,
          };
    },
  });
  closers.push(() => world.stop());
  for (const [process, consumers] of Object.entries(CONSUMERS))
    for (const { name, topics } of consumers)
      await kafka.grant('consumer.sh', `User:${process}`, name, ...topics);
  for (const process of ['orders', 'inventory', 'payments', 'shipping'])
    await kafka.grant('emits.sh', `User:${process}`, `shop.${process}`);
  for (const [process, topics] of Object.entries(RELAYED))
    await kafka.grant('relay.sh', `User:${process}`, ...topics);
  const run = { ...quietRun(folder, 7), defer: (one: () => Promise<unknown>) => void closers.push(one) };
  outcome = await runLab({
    ...run,
    parts: [new ShopPart(world, run, { servers, sagas: false, extras: [] })],
    load: { kind: 'rate', perSecond: 10, seconds: 3 },
    plan: {
      kind: 'script',
      scenes: [
        { at: 0.2, until: 1, fault: provider({ mode: 'decline', every: 3 }, 'every third card is declined') },
        { at: 0.5, fault: killConsumer },
      ],
    },
  });
}, 900_000);

afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 300_000);

// Seen to fail without emits.sh: inventory is refused at its start.
it('N7: the processes of the shop work with a login of their own each, and the rights of the ACL files alone', () => {
  expect(outcome.checks.flatMap(({ findings }) => findings)).toEqual([]);
  expect(outcome.judgement).toBe('agrees');
  const [{ dump }] = outcome.evidence as [Evidence];
  expect(dump.shop.orders).toHaveLength(30);
});
