import type { Broker } from '@convergekit/broker';
import type { Service } from '@convergekit/core';
import { effectsOf, sagaWorker } from '@convergekit/saga';
import { type ConsumerDefinition, consumerService } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import type { Database, PolicyWatch } from '@convergekit/postgres';
import { relay } from '@convergekit/relay';
import type { SharedGuards } from '@convergekit/resilience';
import { starts } from '@convergekit/saga/declare';
import { httpApi, httpService, keyedPost } from '@convergekit/service-common';
import type { Kysely } from 'kysely';
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

/** The parts of a process on a broker of its own, as `service()` makes them: every setting default. */
export function partsOf(parts: Surroundings): readonly Service[] {
  const { services, database, broker, policies, shared } = parts;
  const consumers = consumersAt(parts);
  return [
    policies,
    relay({ database, broker }),
    sagaWorker(effectsOf(...consumers), { database, shared }),
    consumerService(consumers, { database, broker, policies }),
    ...(services.includes('orders') ? [entrance({ ...parts, db: database.db })] : []),
  ];
}

/** The consumers of a process: one for each of its services. */
export function consumersAt({
  run,
  services,
  providerUrl,
}: Pick<Surroundings, 'run' | 'services' | 'providerUrl'>): readonly ConsumerDefinition<BenchDb>[] {
  const all = consumersOf(run, orderSaga(run), providerAt(providerUrl));
  return services.map((name) => all[name]);
}

type Entrance = Pick<Surroundings, 'run' | 'httpPort' | 'onError'> & { readonly db: Kysely<BenchDb> };

/** POST /orders with `Idempotency-Key`: emits the start of the saga in a transaction of the outbox. */
export function entrance({ run, db, httpPort, onError }: Entrance): Service {
  const { events, steps } = orderSaga(run);
  const outbox = createOutbox([starts(events.placed, steps)]);
  const app = httpApi({ routes: 'POST /orders', onError });
  keyedPost(app, '/orders', orderSchema, (requestKey, order) =>
    outbox.transaction(db, { requestKey, request: order }, ({ emit }) => {
      emit(events.placed(order));
      return Promise.resolve({ orderId: order.orderId });
    }),
  );
  return httpService(app, httpPort);
}
