import { defineService } from 'convergekit';
import { z } from 'zod';
import { shopPolicies } from '../objective.ts';
import { payments } from './consumer.ts';
import { providerClient } from './provider-client.ts';

const provider = z
  .object({
    /** The URL of the payment provider: CONVERGE__PROVIDER__URL. @default http://127.0.0.1:8090 */
    url: z.url().default('http://127.0.0.1:8090'),
  })
  .prefault({});

await defineService('payments', {
  settings: { provider },
  consumers: ({ settings }) => [payments(providerClient(settings.provider.url))],
  policies: shopPolicies,
  relay: false,
  tuning: { worker: { pollMs: 25 } },
}).run();
