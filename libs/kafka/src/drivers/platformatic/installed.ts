import { createRequire } from 'node:module';
import { BrokerError } from '@convergekit/broker/engine';

/** The version of @platformatic/kafka with which this driver is tested. */
export const TESTED_VERSION = '2.12.1';

/** Refuses the driver where its client, an optional peer, is not installed. */
export function requireInstalled(
  require: Pick<NodeJS.Require, 'resolve'> = createRequire(import.meta.url),
): void {
  try {
    require.resolve('@platformatic/kafka');
  } catch (error) {
    // Another code: it is there, and has no entry for `require`.
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') return;
    throw new BrokerError(
      `kafka.driver is platformatic, and its client is not installed: run \`npm install @platformatic/kafka@${TESTED_VERSION}\`, or leave the setting out`,
      { code: 'DRIVER_MISSING', kind: 'configuration' },
    );
  }
}
