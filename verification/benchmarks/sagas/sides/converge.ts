import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { failureTopic } from '@convergekit/contracts';
import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { nameSource } from '@convergekit/outbox/engine';
import { migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { freePorts } from '@convergekit/testing/engine';
import { isReady } from '../../../programs.ts';
import { withDatabase } from '../../../with-database.ts';
import { logEnvironment } from '../../measure/open-log.ts';
import { nameIn, topicsOf } from '../converge/saga.ts';
import { services } from '../order.ts';
import { makeDatabases, openSide, type Urls } from './open-side.ts';
import { nodeProcess } from './processes.ts';
import type { Layout, SagaPlace, SagaSide } from './side.ts';

const MAIN = fileURLToPath(new URL('../converge/main.ts', import.meta.url));

/** The kit as users run it, every setting default: on Kafka, or on the local log in its own database. */
export function converge(layout: Layout, log: 'Kafka' | 'local' = 'Kafka'): SagaSide {
  return {
    name: `Converge ${layout}${log === 'Kafka' ? '' : ', local broker'}`,
    layout,
    ours: true,
    kafka: log === 'Kafka',
    open: async (place) => {
      const run = randomBytes(4).toString('hex');
      const urls = await makeSources(place, layout);
      const at = log === 'Kafka' ? place.brokers : urls.orders;
      const names = layout === 'A' ? [services] : services.map((name) => [name]);
      const [httpPort = 0, ...healthPorts] = await freePorts(1 + names.length);
      const workers = names.map((of, index) => {
        const [first = 'orders'] = of;
        const healthPort = healthPorts[index] ?? 0;
        return nodeProcess(place.folder, {
          name: `converge-${of.length === 1 ? first : 'all'}`,
          main: MAIN,
          env: {
            LOG_LEVEL: 'warn',
            NODE_OPTIONS: '',
            DATABASE_URL: urls[first],
            ...logEnvironment(at),
            CONVERGE__HEALTH__PORT: String(healthPort),
            CONVERGE__HTTP__PORT: String(of.includes('orders') ? httpPort : 0),
            CONVERGE__BENCH__RUN: run,
            CONVERGE__BENCH__SERVICES: of.join(','),
            CONVERGE__BENCH__PROVIDER_URL: place.providerUrl,
          },
          ready: () => isReady(`http://127.0.0.1:${healthPort}/readyz`),
        });
      });
      const failures = services.map((name) => failureTopic(nameIn(run, name)));
      return openSide(place, {
        layout,
        workers,
        urls,
        topics: { at, names: [...topicsOf(run), ...failures] },
        orders: `http://127.0.0.1:${httpPort}/orders`,
      });
    },
  };
}

async function makeSources(place: SagaPlace, layout: Layout): Promise<Urls> {
  const urls = await makeDatabases(place, layout);
  for (const name of layout === 'A' ? (['orders'] as const) : services)
    await withDatabase({ url: urls[name], applicationName: 'bench' }, async (database) => {
      await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations]);
      await nameSource(database.executor, name);
    });
  return urls;
}
