import type { NewId, TransactionFunction } from 'convergekit';
import { answerById, httpApi, keyedPost, refuse } from '@convergekit/service-common';
import type { Hono } from 'hono';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { listOrders } from '../order-list/order-list.ts';
import { cancelOrder } from './cancellation.ts';
import { orderRequest, placeOrder } from './placement.ts';
import type { OrdersDb } from './tables.ts';
import { findOrder } from './view.ts';

/** The number of orders in the list. */
const LISTED = 50;

interface Options {
  readonly db: Kysely<OrdersDb>;
  readonly transaction: TransactionFunction<OrdersDb>;
  readonly newId: NewId;
}

/** Creates the API: POST /orders with `Idempotency-Key`, GET /orders, GET /orders/:id, POST /orders/:id/cancel. */
export function ordersApi(options: Options): Hono {
  const app = httpApi('POST /orders, GET /orders, GET /orders/:id and POST /orders/:id/cancel');
  keyedPost(app, '/orders', orderRequest, (key, request, client) =>
    placeOrder(options, key, request, client),
  );
  app.get('/orders', async (context) => context.json({ orders: await listOrders(options.db, LISTED) }));
  app.get('/orders/:id', (context) => answerById(context, 'order', (id) => findOrder(options.db, id)));
  app.post('/orders/:id/cancel', async (context) => {
    const { data: orderId } = z.uuid().safeParse(context.req.param('id'));
    if (orderId === undefined) return refuse(context, 400, 'ID_INVALID', 'an id is a UUID');
    const { kind } = await cancelOrder(options.transaction, orderId);
    switch (kind) {
      case 'requested':
        return context.json({ orderId, cancellation: 'requested' }, 202);
      case 'cancelled':
        return context.json({ orderId, cancellation: 'done' });
      case 'too_late':
        return refuse(
          context,
          409,
          'ORDER_CONFIRMED',
          'the parcel has been handed over: send it back instead',
        );
      case 'unknown':
        return refuse(context, 404, 'ORDER_UNKNOWN', `there is no order ${orderId}`);
    }
  });
  return app;
}
