import { ownFolder } from '@convergekit/core/engine';
import type { MigrationSet } from '@convergekit/postgres';

/** Tables of sagas, calls and workflows. They belong in the database of a service that calls others, beside its inbox and outbox. */
export const sagaMigrations: MigrationSet = {
  name: 'saga',
  directory: ownFolder('saga', 'sql'),
};
