import { expect, it } from 'vitest';
import { brokerOf, devEnvironment, exportOf } from './dev-environment.ts';

const servers = { databaseUrl: 'postgres://h/d', healthPort: 9_001 };

it('a service in development keeps its events in Postgres, and has a health port that is known', () => {
  expect(devEnvironment({ PATH: '/bin' }, servers)).toEqual({
    PATH: '/bin',
    NODE_ENV: 'development',
    LOG_LEVEL: 'debug',
    DATABASE_URL: 'postgres://h/d',
    CONVERGE__BROKER: 'local',
    CONVERGE__HEALTH__PORT: '9001',
  });
});

it('what the developer set stays, and brokers that are given are used', () => {
  const given = {
    KAFKA_BROKERS: 'k:9092',
    NODE_ENV: 'test',
    LOG_LEVEL: 'warn',
    CONVERGE__HEALTH__PORT: '9000',
  };
  expect(devEnvironment(given, servers)).toEqual({ ...given, DATABASE_URL: 'postgres://h/d' });
  expect(brokerOf(given)).toBe('Kafka at k:9092');
});

it('the commands of another terminal get the database and the log that the service has', () => {
  expect(exportOf(devEnvironment({}, servers))).toBe(
    'export DATABASE_URL=postgres://h/d CONVERGE__BROKER=local',
  );
  const onKafka = devEnvironment({ KAFKA_BROKERS: 'k:9092' }, servers);
  expect(exportOf(onKafka)).toBe('export DATABASE_URL=postgres://h/d');
});
