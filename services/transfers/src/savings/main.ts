import { consumerService } from '@converge/inbox';
import { runService, serviceSettings } from '@converge/service-common';
import type { AccountsDb } from '../tables.ts';
import { savings } from './consumer.ts';

await runService<AccountsDb>('savings', serviceSettings, ({ database, broker, policies }) => [
  policies,
  consumerService([savings], { database, broker, policies }),
]);
