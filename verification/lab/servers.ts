import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';
import type { BrokerName } from '@convergekit/local/choose';
import { connect } from '@convergekit/postgres';
import { freshDatabase, type Stack } from '@convergekit/testing';
import { kafkaLog, localLog, type ReadLog } from './read-log.ts';

/** The servers that a workload runs on. */
export type Servers = Pick<Stack, 'databaseUrl' | 'brokers' | 'kafkaTools'> &
  Partial<Pick<Stack, 'postgres' | 'kafka'>>;

/** The log between the services: Kafka, or tables of Postgres. */
export interface Log {
  readonly broker: Broker;
  /** Its address, for people. */
  readonly at: string;
  /** The settings by which processes and commands find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Reads every record without the kit's driver. */
  readonly read: ReadLog;
  close(): Promise<void>;
}

export async function openLog(chosen: BrokerName, servers: Servers): Promise<Log> {
  if (chosen === 'kafka') {
    const { brokers, kafkaTools } = servers;
    const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'lab' });
    const env = { KAFKA_BROKERS: brokers };
    return { broker, at: brokers, env, read: kafkaLog(kafkaTools), close: () => broker.close() };
  }
  const url = await freshDatabase(servers.databaseUrl, 'log');
  const broker = localBroker({ url, clientId: 'lab' });
  const database = connect({ url, applicationName: 'lab', max: 1 });
  const { host, port, database: name } = database.target;
  return {
    broker,
    at: `postgres://${host}:${port}/${name}`,
    env: { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: url },
    read: localLog(database.executor),
    close: async () => {
      await broker.close();
      await database.close();
    },
  };
}
