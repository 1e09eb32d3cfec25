import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@convergekit/testing/engine';
import { withClient } from '../../sides/side.ts';
import type { ByHandInput } from '../by-hand/main.ts';
import { TABLES } from '../by-hand/outbox.ts';
import { services } from '../by-hand/reactions.ts';
import { makeDatabases } from './databases.ts';
import { openSide } from './open-side.ts';
import { placeAt } from './place.ts';
import { isReady } from '../../../programs.ts';
import { nodeProcess } from './processes.ts';
import type { Layout, SagaSide } from './side.ts';
import { makeTopics, removeTopics } from './topics.ts';

const MAIN = fileURLToPath(new URL('../by-hand/main.ts', import.meta.url));

/**
 * The same saga written by hand, as our users would without a kit: an outbox, a table of processed events, a relay that
 * polls, kafkajs. `isBatched`: one statement a batch, a reference for what batches give.
 */
export function byHand(layout: Layout, isBatched = false): SagaSide {
  return {
    name: `by hand${isBatched ? ', batched' : ''} ${layout}`,
    layout,
    ours: false,
    kafka: true,
    open: async (place) => {
      const run = randomBytes(4).toString('hex');
      const urls = await makeDatabases(place, services, layout === 'A');
      for (const url of new Set(Object.values(urls))) await withClient(url, (client) => client.query(TABLES));
      const topics = services.map((name) => `hand-${name}-${run}`);
      await makeTopics(place.brokers, topics);
      const names = layout === 'A' ? [services] : services.map((name) => [name]);
      const ports = await freePorts(names.length);
      const processes = names.map((of, index) => {
        const [first = 'orders'] = of;
        const { providerUrl, brokers } = place;
        const port = ports[index] ?? 0;
        const input: ByHandInput = {
          ...{ run, services: of, databaseUrl: urls[first], brokers: brokers.split(',') },
          ...{ providerUrl, port, isBatched },
        };
        return nodeProcess(place.folder, {
          ...{ name: `by-hand-${of.length === 1 ? first : 'all'}`, main: MAIN, input },
          env: { NODE_OPTIONS: '', NODE_ENV: 'production', KAFKAJS_NO_PARTITIONER_WARNING: '1' },
          ready: () => isReady(`http://127.0.0.1:${port}/ready`),
        });
      });
      return openSide(place, {
        processes,
        killed: processes[layout === 'A' ? 0 : services.indexOf('payments')],
        urls,
        place: placeAt(`http://127.0.0.1:${ports[0] ?? 0}/orders`),
        onStopped: () => removeTopics(place.brokers, topics),
      });
    },
  };
}
