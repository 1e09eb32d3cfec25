import { createRequire } from 'node:module';
import { BrokerError } from '@convergekit/broker/engine';

/** The version of kafkajs with whose internals this driver is tested (`internals.ts`). Another may drop or change them. */
export const TESTED_VERSION = '2.2.4';

/** Refuses another version of kafkajs than the tested one. Pure. */
export function requireTested(installed: string): void {
  if (installed === TESTED_VERSION) return;
  throw new BrokerError(
    `kafkajs ${installed} is installed, and the driver kafkajs works with ${TESTED_VERSION} alone, since it uses internals of it. Remove the override of kafkajs, or set kafka.driver to platformatic.`,
    { code: 'KAFKAJS_VERSION', kind: 'configuration' },
  );
}

/** Reads the version of the kafkajs that this package would load. */
export function installedVersion(require = createRequire(import.meta.url)): string {
  try {
    return (require('kafkajs/package.json') as { readonly version: string }).version;
  } catch {
    return 'of an unknown version';
  }
}
