import { getRequestListener } from '@hono/node-server';
import { httpServer } from 'convergekit/http';
import { defineService } from 'convergekit';
import { z } from 'zod';
import { carrier, warehouse } from './delivery.ts';
import { deliverOrder, orderPaid, orderPlaced } from './events.ts';
import { api } from './http.ts';
import { orders } from './orders.ts';
import { payments } from './payments.ts';
import type { Tables } from './tables.ts';

/** Settings of this service: CONVERGE__HTTP__PORT and CONVERGE__HTTP__HOST. Those of the kit come along. */
const http = z
  .object({
    port: z.int().min(0).max(65_535).default(3000),
    host: z.string().min(1).default('127.0.0.1'),
  })
  .prefault({});

/**
 * Everything that this process runs. A part may move to a service of its own later: its consumer and its tables go
 * there, and the events stay as they are.
 */
export const myService = defineService<Tables, { http: typeof http }>('my-service', {
  settings: { http },
  consumers: [payments, orders, warehouse, carrier],
  sagas: [deliverOrder],
  emits: [orderPlaced, orderPaid],
  onReady: ({ settings, log }) =>
    log.info(`orders are taken at http://localhost:${settings.http.port}/orders`),
  parts: ({ settings, db, transaction, log }) => {
    const app = api({ db, transaction, onError: (error) => log.error({ err: error }, 'a request failed') });
    const answer = getRequestListener(app.fetch);
    return [
      httpServer({
        name: 'http',
        ...settings.http,
        listener: (request, response) => void answer(request, response),
        graceMs: 4_000,
      }),
    ];
  },
});
