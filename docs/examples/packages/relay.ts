import { kafkaBroker } from 'convergekit/kafka';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import { relay, relayMigrations } from 'convergekit/process';

const database = connect({ url: 'postgres://localhost/orders', applicationName: 'relay' });
await migrate(database, [outboxMigrations, relayMigrations]);
const broker = kafkaBroker({ brokers: ['localhost:9092'], clientId: 'relay' });

const publisher = relay({ database, broker });
await publisher.start();
process.once('SIGTERM', () => void publisher.stop());
