import { consumerService } from '@convergekit/inbox';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { runService, serviceSettings } from '@convergekit/service-common';
import { z } from 'zod';
import { payments } from './consumer.ts';
import { providerClient } from './provider-client.ts';
import type { PaymentsDb } from './tables.ts';

const settings = serviceSettings.extend({
  provider: z
    .object({
      /** The URL of the payment provider: CONVERGE__PROVIDER__URL. @default http://127.0.0.1:8090 */
      url: z.url().default('http://127.0.0.1:8090'),
    })
    .prefault({}),
});

await runService<PaymentsDb, z.output<typeof settings>>('payments', settings, (parts) => {
  const { database, broker, policies, shared } = parts;
  const consumer = payments(providerClient(parts.settings.provider.url));
  return [
    policies,
    sagaWorker(effectsOf(consumer), { database, shared, pollMs: 25 }),
    consumerService([consumer], { database, broker, policies }),
  ];
});
