/** A process of the order saga on Kafka: the services that CONVERGE__BENCH__SERVICES names. */
import { service } from 'convergekit';
import { httpSettings } from '@convergekit/service-common';
import { z } from 'zod';
import type { BenchDb } from './consumers.ts';
import { consumersAt, entrance } from './parts.ts';
import { services } from './saga.ts';

const bench = z.object({
  /** The name of the run, the end of all topics and groups. */
  run: z.string(),
  /** The services of this process, separated by commas. */
  services: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(services)).min(1)),
  providerUrl: z.url(),
});
const settings = { bench, http: httpSettings };

await service<BenchDb, typeof settings>('bench.sagas', {
  settings,
  consumers: ({ settings: { bench } }) => consumersAt(bench),
  relay: true,
  parts: ({ settings: { bench, http }, db, log }) => {
    const onError = (error: unknown): void => log.error({ err: error }, 'an order was not placed');
    return bench.services.includes('orders')
      ? [entrance({ ...bench, db, httpPort: http.port, onError })]
      : [];
  },
}).run();
