/** The development stack of a folder: up, status, down. It may change in any version. */
import { stackDown, stackService, stackStatus } from './stack/up.ts';

export type { StackService, StackStatus } from './stack/up.ts';
export { freePort } from './stack/ports.ts';
export { startPostgres } from './stack/with-postgres.ts';

/** The development stack of a folder, as `make up` runs it. */
export const devStack = {
  service: stackService,
  down: stackDown,
  status: stackStatus,
} as const;
