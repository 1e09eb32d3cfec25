import { expect, it } from 'vitest';
import { brokerOf, dataFolder, devEnvironment, exportOf, withoutPassword } from './dev-environment.ts';

const servers = { databaseUrl: 'postgres://h/d', healthPort: 9_001 };

it('a service in development keeps its events in Postgres, and has a health port that is known', () => {
  expect(devEnvironment({ PATH: '/bin' }, servers)).toEqual({
    PATH: '/bin',
    NODE_ENV: 'development',
    LOG_LEVEL: 'debug',
    DATABASE_URL: 'postgres://h/d',
    CONVERGE__BROKER: 'local',
    CONVERGE__HEALTH__PORT: '9001',
    CONVERGE__HEALTH__HOST: '127.0.0.1',
  });
});

it('what the developer set stays, and brokers that are given are used', () => {
  const given = {
    KAFKA_BROKERS: 'k:9092',
    NODE_ENV: 'test',
    LOG_LEVEL: 'warn',
    CONVERGE__HEALTH__PORT: '9000',
    CONVERGE__HEALTH__HOST: '0.0.0.0',
  };
  expect(devEnvironment(given, servers)).toEqual({ ...given, DATABASE_URL: 'postgres://h/d' });
  expect(brokerOf(given)).toBe('Kafka at k:9092');
});

it('several services have one log, a health port each, and for reconcilers the databases of all', () => {
  const two = { ...servers, all: { first: 'postgres://h/first', second: 'postgres://h/second' } };
  expect(devEnvironment({ CONVERGE__HEALTH__PORT: '9000' }, two)).toMatchObject({
    CONVERGE__BROKER: 'local',
    CONVERGE__LOCAL__URL: 'postgres://h/first',
    CONVERGE__DATABASES__SECOND: 'postgres://h/second',
    CONVERGE__HEALTH__PORT: '9001',
  });
  expect(devEnvironment({ CONVERGE__LOCAL__URL: 'postgres://h/log' }, two)).toMatchObject({
    CONVERGE__LOCAL__URL: 'postgres://h/log',
  });
  expect(devEnvironment({ KAFKA_BROKERS: 'k:9092' }, two)).not.toHaveProperty('CONVERGE__LOCAL__URL');
});

// Seen to fail: two services with `http` had port 3000 both, and the second one ended.
it.each([
  ['nothing', undefined, '3000', '3002'],
  ['a port', '8080', '8080', '8082'],
  ['any free port', '0', '0', '0'],
  ['no port', 'http', 'http', 'http'],
])(
  'services that run together have ports that follow each other, where %s is given',
  (_, given, first, third) => {
    const all = { a: 'postgres://h/a', b: 'postgres://h/b', c: 'postgres://h/c' };
    const env = given === undefined ? {} : { CONVERGE__HTTP__PORT: given };
    const portOf = (at: number) => devEnvironment(env, { ...servers, all, at })['CONVERGE__HTTP__PORT'];
    expect([portOf(0), portOf(2)]).toEqual([first, third]);
    expect(devEnvironment(env, servers)['CONVERGE__HTTP__PORT']).toBe(given);
  },
);

it.each([
  ['postgres://u:p%40@h:1/d?a=1', 'postgres://u@h:1/d?a=1'],
  ['postgres://u:p@q@h/d', 'postgres://u@h/d'],
  ['postgresql://u:p@h1:1,h2:2/d', 'postgresql://u@h1:1,h2:2/d'],
  ['postgres://u@h/d?password=p&a=1', 'postgres://u@h/d?a=1'],
  ['postgres://u@h/d?password=p', 'postgres://u@h/d'],
  ['postgres://h:1/d?x=a:b@c', 'postgres://h:1/d?x=a:b@c'],
])('the line for another terminal has the URL %s of a given server without its password', (url, shown) => {
  expect(withoutPassword(url)).toBe(shown);
  expect(exportOf({ DATABASE_URL: url, CONVERGE__LOCAL__URL: url }, 'given')).toBe(
    exportOf({ DATABASE_URL: shown, CONVERGE__LOCAL__URL: shown }, 'own'),
  );
});

it('the commands of another terminal get the database and the log that the service has', () => {
  expect(exportOf(devEnvironment({}, servers), 'own')).toBe(
    'export DATABASE_URL=postgres://h/d CONVERGE__BROKER=local',
  );
  expect(exportOf(devEnvironment({}, { ...servers, all: { log: 'postgres://h/log' } }), 'own')).toBe(
    'export DATABASE_URL=postgres://h/d CONVERGE__BROKER=local CONVERGE__LOCAL__URL=postgres://h/log',
  );
  const onKafka = devEnvironment({ KAFKA_BROKERS: 'k:9092,l:9092' }, servers);
  expect(exportOf(onKafka, 'own')).toBe('export DATABASE_URL=postgres://h/d KAFKA_BROKERS=k:9092,l:9092');
  expect(exportOf({ DATABASE_URL: "postgres://h/d?a=1&b='2'" }, 'own')).toBe(
    String.raw`export DATABASE_URL='postgres://h/d?a=1&b='\''2'\'''`,
  );
});

it('a database belongs to the log whose events it has applied, so each broker has a folder of data', () => {
  expect(dataFolder({ PATH: '/bin' })).toBe('.converge/dev/local');
  expect(dataFolder({ KAFKA_BROKERS: 'k:9092,l:9092' })).toBe('.converge/dev/kafka-k_9092_l_9092');
});
