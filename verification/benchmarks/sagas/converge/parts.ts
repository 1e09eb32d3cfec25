import type { Broker } from '@convergekit/broker';
import type { Service } from '@convergekit/core';
import { sagaWorker } from '@convergekit/effects';
import { consumerService } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import type { Database, PolicyWatch } from '@convergekit/postgres';
import { relay } from '@convergekit/relay';
import type { SharedGuards } from '@convergekit/resilience';
import { effectsOf } from '@convergekit/saga';
import { starts } from '@convergekit/saga/declare';
import { httpApi, httpService, keyedPost } from '@convergekit/service-common';
import { orderSchema } from '../order.ts';
import { providerAt } from '../stub/provider.ts';
import { type BenchDb, consumersOf } from './consumers.ts';
import { orderSaga, type ServiceName } from './saga.ts';

export interface Surroundings {
  readonly run: string;
  /** The services of this process: one in layout B, all in layout A. */
  readonly services: readonly ServiceName[];
  readonly providerUrl: string;
  readonly httpPort: number;
  readonly database: Database<BenchDb>;
  readonly broker: Broker;
  readonly policies: PolicyWatch;
  readonly shared: SharedGuards;
  readonly onError: (error: unknown) => void;
}

/** The parts of one process, every setting default: relay, saga worker, consumers, and the entrance of orders. */
export function partsOf(parts: Surroundings): readonly Service[] {
  const { run, services, database, broker, policies, shared } = parts;
  const saga = orderSaga(run);
  const all = consumersOf(run, saga, providerAt(parts.providerUrl));
  const consumers = services.map((name) => all[name]);
  return [
    policies,
    relay({ database, broker }),
    sagaWorker(effectsOf(...consumers), { database, shared }),
    consumerService(consumers, { database, broker, policies }),
    ...(services.includes('orders') ? [entrance(parts, saga)] : []),
  ];
}

/** POST /orders with `Idempotency-Key`: emits the start of the saga in a transaction of the outbox. */
function entrance(
  { database, httpPort, onError }: Surroundings,
  { events, steps }: ReturnType<typeof orderSaga>,
): Service {
  const outbox = createOutbox([starts(events.placed, steps)]);
  const app = httpApi({ routes: 'POST /orders', onError });
  keyedPost(app, '/orders', orderSchema, (requestKey, order) =>
    outbox.transaction(database.db, { requestKey, request: order }, ({ emit }) => {
      emit(events.placed(order));
      return Promise.resolve({ orderId: order.orderId });
    }),
  );
  return httpService(app, httpPort);
}
