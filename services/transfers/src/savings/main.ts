import { consumerService } from '@convergekit/inbox';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { runService, serviceSettings } from '@convergekit/service-common';
import type { AccountsDb } from '../tables.ts';
import { savings } from './consumer.ts';

await runService<AccountsDb>('savings', serviceSettings, ({ database, broker, policies, shared }) => [
  policies,
  // Queries deposits of unknown outcome. Listed first: the consumer does not start without its worker.
  sagaWorker(effectsOf(savings), { database, shared, pollMs: 1_000 }),
  consumerService([savings], { database, broker, policies }),
]);
