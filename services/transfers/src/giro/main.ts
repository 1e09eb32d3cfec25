import { consumerService } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import { newUuidV7 } from '@convergekit/core';
import { effectsOf } from '@convergekit/saga';
import { sagaWorker } from '@convergekit/effects';
import { starts } from '@convergekit/saga/declare';
import { transferMoney, transferRequested } from '@convergekit/schemas';
import { httpService, runService, serviceSettings } from '@convergekit/service-common';
import type { GiroDb } from '../tables.ts';
import { transfersApi } from './api.ts';
import { giro } from './consumer.ts';

await runService<GiroDb>('giro', serviceSettings, ({ settings, database, broker, policies, shared, log }) => [
  policies,
  // Retries an undo that failed in its slice. The worker is listed first: the consumer does not start without it.
  sagaWorker(effectsOf(giro), { database, shared }),
  consumerService([giro], { database, broker, policies }),
  httpService(
    transfersApi({
      db: database.db,
      outbox: createOutbox([starts(transferRequested, transferMoney)]),
      newId: newUuidV7,
      onError: (error) => log.error({ err: error }, 'a request failed'),
    }),
    settings.http.port,
    settings.http.host,
  ),
]);
