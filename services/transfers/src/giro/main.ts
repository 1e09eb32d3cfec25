import { newUuidV7, defineService, starts } from 'convergekit';
import { transferMoney, transferRequested } from '@convergekit/schemas';
import { httpService, httpSettings } from '@convergekit/service-common';
import type { GiroDb } from '../tables.ts';
import { transfersApi } from './api.ts';
import { giro } from './consumer.ts';

await defineService<GiroDb, { http: typeof httpSettings }>('giro', {
  settings: { http: httpSettings },
  consumers: [giro],
  relay: false,
  emits: [starts(transferRequested, transferMoney)],
  parts: ({ settings: { http }, db, transaction, log }) => {
    const onError = (error: unknown): void => log.error({ err: error }, 'a request failed');
    return [httpService(transfersApi({ db, transaction, newId: newUuidV7, onError }), http.port, http.host)];
  },
}).run();
