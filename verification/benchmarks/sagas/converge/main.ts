/** A process of the order saga on Kafka: the services that CONVERGE__BENCH__SERVICES names. */
import { runService, serviceSettings } from '@convergekit/service-common';
import { z } from 'zod';
import type { BenchDb } from './consumers.ts';
import { partsOf } from './parts.ts';
import { services } from './saga.ts';

const settings = serviceSettings.extend({
  bench: z.object({
    /** The name of the run, the end of all topics and groups. */
    run: z.string(),
    /** The services of this process, separated by commas. */
    services: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(services)).min(1)),
    providerUrl: z.url(),
  }),
});

await runService<BenchDb, z.output<typeof settings>>('bench.sagas', settings, (parts) => {
  const { bench, http } = parts.settings;
  const onError = (error: unknown): void => parts.log.error({ err: error }, 'an order was not placed');
  return partsOf({ ...parts, ...bench, httpPort: http.port, onError });
});
