import { defineService } from 'convergekit';
import { providerApi } from './api.ts';
import type { ProviderDb } from './tables.ts';

await defineService<ProviderDb>('provider', { http: ({ db }) => providerApi(db) }).run();
