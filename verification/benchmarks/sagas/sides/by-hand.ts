import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@convergekit/testing/engine';
import { isReady } from '../../../programs.ts';
import { withClient } from '../../sides/side.ts';
import type { ByHandInput } from '../by-hand/main.ts';
import { TABLES } from '../by-hand/outbox.ts';
import { services } from '../order.ts';
import { makeDatabases, openSide } from './open-side.ts';
import { nodeProcess } from './processes.ts';
import type { SagaSide } from './side.ts';

const MAIN = fileURLToPath(new URL('../by-hand/main.ts', import.meta.url));

/**
 * The same saga written by hand, as our users would without a kit: an outbox, a table of processed events, a relay that
 * polls, kafkajs.
 */
export function byHand(): SagaSide {
  const layout = 'B';
  return {
    name: 'by hand B',
    layout,
    ours: false,
    kafka: true,
    open: async (place) => {
      const { brokers, providerUrl, folder } = place;
      const run = randomBytes(4).toString('hex');
      const urls = await makeDatabases(place, layout);
      for (const url of Object.values(urls)) await withClient(url, (client) => client.query(TABLES));
      const ports = await freePorts(services.length);
      const workers = services.map((service, index) => {
        const port = ports[index] ?? 0;
        const input: ByHandInput = {
          run,
          service,
          databaseUrl: urls[service],
          brokers: brokers.split(','),
          providerUrl,
          port,
        };
        return nodeProcess(folder, {
          name: `by-hand-${service}`,
          main: MAIN,
          input,
          env: { NODE_OPTIONS: '', NODE_ENV: 'production', KAFKAJS_NO_PARTITIONER_WARNING: '1' },
          ready: () => isReady(`http://127.0.0.1:${port}/ready`),
        });
      });
      return openSide(place, {
        layout,
        workers,
        urls,
        topics: { at: brokers, names: services.map((name) => `hand-${name}-${run}`) },
        orders: `http://127.0.0.1:${ports[0] ?? 0}/orders`,
      });
    },
  };
}
