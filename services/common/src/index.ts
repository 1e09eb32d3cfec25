/** Shared code of the sample services, independent of what each service does. */
import type { MigrationSet } from 'convergekit/postgres';

export { type EffectTable, noteEffect } from './effect.ts';
export { answerById, httpApi, keyedPost, refuse, traced } from './http-api.ts';
export { type Pages, scanPages, type ScannedPage } from './scan-pages.ts';

/** The table of effects. */
export const effectMigrations: MigrationSet = {
  name: 'service-common',
  directory: new URL('../sql/', import.meta.url),
};
