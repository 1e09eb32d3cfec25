import { defineService } from 'convergekit';
import { httpService, httpSettings } from '@convergekit/service-common';
import { providerApi } from './api.ts';
import type { ProviderDb } from './tables.ts';

await defineService<ProviderDb, { http: typeof httpSettings }>('provider', {
  settings: { http: httpSettings },
  parts: ({ settings: { http }, db }) => [httpService(providerApi(db), http.port, http.host)],
}).run();
