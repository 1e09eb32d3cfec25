import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { failureTopic } from '@convergekit/contracts';
import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { nameSource } from '@convergekit/outbox/engine';
import { connect, migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { freePorts } from '@convergekit/testing/engine';
import { logEnvironment } from '../../measure/open-log.ts';
import { nameIn, type ServiceName, services, topicsOf } from '../converge/saga.ts';
import { makeDatabases, type Urls } from './databases.ts';
import { openSide } from './open-side.ts';
import { placeAt } from './place.ts';
import { isReady } from '../../../programs.ts';
import { nodeProcess } from './processes.ts';
import type { Layout, SagaPlace, SagaSide } from './side.ts';
import { makeTopics, removeTopics } from './topics.ts';

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
      const urls = await makeSources(place, layout === 'A');
      const brokers = log === 'Kafka' ? place.brokers : urls.orders;
      await makeTopics(brokers, allTopics(run));
      const names = layout === 'A' ? [services] : services.map((name) => [name]);
      const [httpPort = 0, ...healthPorts] = await freePorts(1 + names.length);
      const processes = names.map((of, index) => {
        const [first = 'orders'] = of;
        const healthPort = healthPorts[index] ?? 0;
        return nodeProcess(place.folder, {
          ...{ name: `converge-${of.length === 1 ? first : 'all'}`, main: MAIN },
          env: {
            ...{ LOG_LEVEL: 'warn', NODE_OPTIONS: '', DATABASE_URL: urls[first], ...logEnvironment(brokers) },
            CONVERGE__HEALTH__PORT: String(healthPort),
            CONVERGE__HTTP__PORT: String(httpPort),
            CONVERGE__BENCH__RUN: run,
            CONVERGE__BENCH__SERVICES: of.join(','),
            CONVERGE__BENCH__PROVIDER_URL: place.providerUrl,
          },
          ready: () => isReady(`http://127.0.0.1:${healthPort}/readyz`),
        });
      });
      return openSide(place, {
        processes,
        killed: processes[layout === 'A' ? 0 : services.indexOf(KILLED)],
        urls,
        place: placeAt(`http://127.0.0.1:${httpPort}/orders`),
        // The local log ends with its database.
        onStopped: async () => {
          if (log === 'Kafka') await removeTopics(brokers, allTopics(run));
        },
      });
    },
  };
}

/** The service of layout B that the drill kills: the one with the external calls. */
const KILLED: ServiceName = 'payments';

async function makeSources(place: SagaPlace, shared: boolean): Promise<Urls<ServiceName>> {
  const urls = await makeDatabases(place, services, shared);
  for (const name of shared ? (['orders'] as const) : services) {
    const database = connect({ url: urls[name], applicationName: 'bench' });
    try {
      await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations]);
      await nameSource(database.executor, name);
    } finally {
      await database.close();
    }
  }
  return urls;
}

function allTopics(run: string): readonly string[] {
  return [...topicsOf(run), ...services.map((name) => failureTopic(nameIn(run, name)))];
}
