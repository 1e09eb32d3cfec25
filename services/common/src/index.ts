/** What the sample services share. None of it knows what a service is about. */
import type { MigrationSet } from '@convergekit/postgres';

export { type EffectTable, noteEffect } from './effect.ts';
export { answerById, entrance, type EntranceOptions, keyedPost, refuse } from './entrance.ts';
export { type HttpService, httpService } from './http-service.ts';
export { type Parts, runService } from './run-service.ts';
export { serviceSettings } from './settings.ts';

/** The table of effects. */
export const effectMigrations: MigrationSet = {
  name: 'service-common',
  directory: new URL('../sql/', import.meta.url),
};
