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
import { PARTITIONS } from '../../sides/side.ts';
import type { LocalInput } from '../converge/local-main.ts';
import { nameIn, type ServiceName, services, topicsOf } from '../converge/saga.ts';
import { makeDatabases, type Urls } from './databases.ts';
import { openSide } from './open-side.ts';
import { placeAt } from './place.ts';
import { answers, type ProcessSpec, RestartableProcess } from './processes.ts';
import type { Layout, SagaPlace, SagaSide } from './side.ts';
import { makeTopics, removeTopics } from './topics.ts';

const MAIN = fileURLToPath(new URL('../converge/main.ts', import.meta.url));
const LOCAL_MAIN = fileURLToPath(new URL('../converge/local-main.ts', import.meta.url));

/** The kit on Kafka, as users run it: every setting default. */
export function convergeOnKafka(layout: Layout): SagaSide {
  return {
    name: `Converge ${layout}`,
    layout,
    ours: true,
    kafka: true,
    open: async (place) => {
      const run = randomBytes(4).toString('hex');
      const urls = await makeSources(place, layout === 'A');
      await makeTopics(place, allTopics(run));
      const names = layout === 'A' ? [services] : services.map((name) => [name]);
      const [httpPort = 0, ...healthPorts] = await freePorts(1 + names.length);
      const processes = names.map((of, index) => {
        const spec = kafkaProcess(place, { run, of, urls, httpPort, healthPort: healthPorts[index] ?? 0 });
        return new RestartableProcess(spec, place.folder);
      });
      const killed = processes[layout === 'A' ? 0 : services.indexOf(KILLED)];
      if (killed === undefined) throw new Error('the process to kill is none of the processes');
      return openSide(place, {
        processes,
        worker: killed.worker,
        urls,
        place: placeAt(`http://127.0.0.1:${httpPort}/orders`),
        onStopped: () => removeTopics(place, allTopics(run)),
      });
    },
  };
}

/** The service of layout B that the drill kills: the one with the external calls. */
const KILLED: ServiceName = 'payments';

/** The kit in one process, on the local log in its own database. */
export const convergeOnLocalBroker: SagaSide = {
  name: 'Converge A, local broker',
  layout: 'A',
  ours: true,
  kafka: false,
  open: async (place) => {
    const run = randomBytes(4).toString('hex');
    const urls = await makeSources(place, true);
    const [httpPort = 0, healthPort = 0] = await freePorts(2);
    const { providerUrl } = place;
    const input = {
      run,
      databaseUrl: urls.orders,
      providerUrl,
      httpPort,
      healthPort,
      partitions: PARTITIONS,
    };
    const all = new RestartableProcess(localProcess(input), place.folder);
    return openSide(place, {
      processes: [all],
      worker: all.worker,
      urls,
      place: placeAt(`http://127.0.0.1:${httpPort}/orders`),
    });
  },
};

interface KafkaProcess {
  readonly run: string;
  readonly of: readonly ServiceName[];
  readonly urls: Urls<ServiceName>;
  readonly httpPort: number;
  readonly healthPort: number;
}

function kafkaProcess(
  { brokers, providerUrl }: SagaPlace,
  { run, of, urls, httpPort, healthPort }: KafkaProcess,
): ProcessSpec {
  const [first = 'orders'] = of;
  return {
    name: `converge-${of.length === 1 ? first : 'all'}`,
    group: 'node',
    command: process.execPath,
    args: ['--conditions=source', MAIN],
    env: {
      ...PLAIN,
      DATABASE_URL: urls[first],
      KAFKA_BROKERS: brokers,
      CONVERGE__HEALTH__PORT: String(healthPort),
      CONVERGE__HTTP__PORT: String(httpPort),
      CONVERGE__BENCH__RUN: run,
      CONVERGE__BENCH__SERVICES: of.join(','),
      CONVERGE__BENCH__PROVIDER_URL: providerUrl,
    },
    ready: answers(`http://127.0.0.1:${healthPort}/readyz`),
  };
}

function localProcess(input: LocalInput): ProcessSpec {
  return {
    name: 'converge-local',
    group: 'node',
    command: process.execPath,
    args: ['--conditions=source', LOCAL_MAIN, JSON.stringify(input)],
    env: PLAIN,
    ready: answers(`http://127.0.0.1:${input.healthPort}/readyz`),
  };
}

const PLAIN = { LOG_LEVEL: 'warn', NODE_OPTIONS: '' };

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
