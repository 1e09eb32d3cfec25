import { newUuidV7, defineService, starts } from 'convergekit';
import { transferMoney, transferRequested } from '@convergekit/schemas';
import type { GiroDb } from '../tables.ts';
import { transfersApi } from './api.ts';
import { giro } from './consumer.ts';

await defineService<GiroDb>('giro', {
  consumers: [giro],
  relay: false,
  emits: [starts(transferRequested, transferMoney)],
  http: ({ db, transaction }) => transfersApi({ db, transaction, newId: newUuidV7 }),
}).run();
