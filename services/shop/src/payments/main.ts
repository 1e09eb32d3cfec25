import { consumerService } from '@converge/inbox';
import { createOutbox } from '@converge/outbox';
import { systemClock, systemRandom } from '@converge/runtime';
import { paymentDeclined, paymentRefunded, paymentTaken } from '@converge/schemas';
import { runShop } from '../common/run-shop.ts';
import { payments } from './consumer.ts';
import { providerClient } from './provider-client.ts';
import type { PaymentsDb } from './tables.ts';
import { paymentWorker } from './worker.ts';

await runShop<PaymentsDb>('payments', ({ settings, database, broker, log }) => [
  paymentWorker({
    db: database.db,
    outbox: createOutbox([paymentTaken, paymentDeclined, paymentRefunded]),
    provider: providerClient({ url: settings.provider.url }),
    clock: systemClock,
    random: systemRandom,
    onError: (error) => log.error({ err: error }, 'work on a payment failed: it is tried again'),
  }),
  consumerService([payments], { database, broker }),
]);
