import { httpService } from '../common/http-service.ts';
import { runShop } from '../common/run-shop.ts';
import { providerApi } from './api.ts';
import type { ProviderDb } from './tables.ts';

await runShop<ProviderDb>('provider', ({ settings, database }) => [
  httpService(providerApi(database.db), settings.http.port, settings.http.host),
]);
