import { defineCall, step } from '@convergekit/saga';
import { type ConsumerDefinition, defineConsumer } from '@convergekit/inbox';
import type { Generated } from 'kysely';
import { z } from 'zod';
import { expectedOutcome, orderSchema, type Outcome, type ServiceName } from '../order.ts';
import type { Provider } from '../stub/provider.ts';
import { nameIn, type OrderSaga } from './saga.ts';

/** The business tables; in layout B each service has only its own. */
export interface BenchDb {
  reservation: { order_id: string; quantity: number; state: 'held' | 'released' };
  allocation: { order_id: string; quantity: number };
  order_end: { order_id: string; outcome: Outcome; seq: Generated<string>; at: Generated<Date> };
}

type Consumer = ConsumerDefinition<BenchDb>;

/** The consumers of the four services, as a user of the kit writes them. */
export function consumersOf(
  run: string,
  saga: OrderSaga,
  provider: Provider,
): Readonly<Record<ServiceName, Consumer>> {
  const consumer = (name: ServiceName) => defineConsumer<BenchDb>(nameIn(run, name), { from: 'first' });
  return {
    stock: stock(consumer('stock'), saga),
    payments: payments(consumer('payments'), saga, provider),
    warehouse: warehouse(consumer('warehouse'), saga),
    orders: orders(consumer('orders'), saga),
  };
}

type Begun = ReturnType<typeof defineConsumer<BenchDb>>;

function stock(begun: Begun, { events, steps }: OrderSaga): Consumer {
  return begun.include(
    step(steps.reserve, {
      apply: async ({ data }, { tx }) => {
        const { orderId, quantity } = data;
        await tx.insertInto('reservation').values({ order_id: orderId, quantity, state: 'held' }).execute();
        return events.reserved(data);
      },
      compensate: async ({ intent: { data } }, { tx }) => {
        await tx
          .updateTable('reservation')
          .set({ state: 'released' })
          .where('order_id', '=', data.orderId)
          .execute();
        return events.released(data);
      },
    }),
  );
}

function payments(begun: Begun, { events, steps }: OrderSaga, provider: Provider): Consumer {
  const charge = defineCall('bench.charge', {
    input: orderSchema,
    result: z.null(),
    idempotency: 'keyed',
    call: async (order, { idempotencyKey, signal }) => {
      await provider.charge(order, idempotencyKey, signal);
      return null;
    },
    compensate: ({ input }, { undoKey, signal }) => provider.refund(input, undoKey, signal),
  });
  return begun.include(
    step(steps.charge, {
      call: charge,
      input: ({ event: { data } }) => data,
      outcome: (_, { event: { data } }) => events.charged(data),
      undone: ({ intent: { data } }) => events.refunded(data),
    }),
  );
}

function warehouse(begun: Begun, { events, steps }: OrderSaga): Consumer {
  return begun.include(
    step(steps.allocate, {
      apply: async ({ data }, { tx }) => {
        if (expectedOutcome(data) === 'refused') return events.refused(data);
        const { orderId, quantity } = data;
        await tx.insertInto('allocation').values({ order_id: orderId, quantity }).execute();
        return events.allocated(data);
      },
    }),
  );
}

/** The end of an order: notified after its four steps, or its stock released after the last compensation. */
function orders(begun: Begun, { events, steps }: OrderSaga): Consumer {
  return begun
    .include(
      step(steps.notify, {
        apply: async ({ data }, { tx }) => {
          await tx.insertInto('order_end').values({ order_id: data.orderId, outcome: 'completed' }).execute();
          return events.notified(data);
        },
      }),
    )
    .on(events.released, async ({ data }, { tx }) => {
      await tx.insertInto('order_end').values({ order_id: data.orderId, outcome: 'refused' }).execute();
    });
}
