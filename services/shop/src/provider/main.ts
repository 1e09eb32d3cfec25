import { httpService, runService, serviceSettings } from '@convergekit/service-common';
import { providerApi } from './api.ts';
import type { ProviderDb } from './tables.ts';

await runService<ProviderDb>('provider', serviceSettings, ({ settings, database }) => [
  httpService(providerApi(database.db), settings.http.port, settings.http.host),
]);
