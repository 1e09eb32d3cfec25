/** A process of the order saga: the services that CONVERGE__BENCH__SERVICES names. */
import { defineService } from 'convergekit';
import { createOutbox } from '@convergekit/outbox';
import { starts } from '@convergekit/saga/declare';
import { httpApi, keyedPost } from '@convergekit/service-common';
import { z } from 'zod';
import { orderSchema, services } from '../order.ts';
import { providerAt } from '../stub/provider.ts';
import { type BenchDb, consumersOf } from './consumers.ts';
import { orderSaga } from './saga.ts';

const bench = z.object({
  /** The name of the run, the end of all topics and groups. */
  run: z.string(),
  /** The services of this process, separated by commas: one in layout B, all in layout A. */
  services: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(services)).min(1)),
  providerUrl: z.url(),
});
const settings = { bench };

await defineService<BenchDb, typeof settings>('bench.sagas', {
  settings,
  consumers: ({ settings: { bench: own } }) => {
    const all = consumersOf(own.run, orderSaga(own.run), providerAt(own.providerUrl));
    return own.services.map((name) => all[name]);
  },
  relay: true,
  // A process without the service orders has it, too, at a free port, and is not asked.
  http: ({ settings: { bench: own }, db }) => {
    const { events, steps } = orderSaga(own.run);
    const outbox = createOutbox([starts(events.placed, steps)]);
    const app = httpApi('POST /orders');
    keyedPost(app, '/orders', orderSchema, (requestKey, order) =>
      outbox.transaction(db, { requestKey, request: order }, ({ emit }) => {
        emit(events.placed(order));
        return Promise.resolve({ orderId: order.orderId });
      }),
    );
    return app;
  },
}).run();
