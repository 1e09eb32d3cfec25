import { getRequestListener } from '@hono/node-server';
import { httpServer } from 'convergekit/http';
import { defineService } from 'convergekit';
import { orderPlaced } from '../events.ts';
import { api } from './http.ts';
import { orders, type Tables } from './orders.ts';

/** PORT and HOST are of this service alone; `converge dev` gives both services one environment. */
const { PORT = '3000', HOST = '127.0.0.1' } = process.env;

/** What the process of orders runs. */
export const ordersService = defineService<Tables>('orders', {
  consumers: [orders],
  emits: [orderPlaced],
  onReady: ({ log }) => log.info(`orders are taken at http://localhost:${PORT}/orders`),
  parts: ({ db, transaction, log }) => {
    const app = api({ db, transaction, onError: (error) => log.error({ err: error }, 'a request failed') });
    const answer = getRequestListener(app.fetch);
    return [
      httpServer({
        name: 'http',
        host: HOST,
        port: Number(PORT),
        listener: (request, response) => void answer(request, response),
        graceMs: 4_000,
      }),
    ];
  },
});
