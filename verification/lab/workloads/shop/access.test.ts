import { expect, it } from 'vitest';
import { accessLines, consoleEnv } from './access.ts';

const access = {
  urls: { orders: 'postgres://me@h:1/orders', stock: 'postgres://me@h:1/stock' },
  log: { KAFKA_BROKERS: 'h:2' },
  console: { port: 7_070, token: 'a-token' },
};

it('each database of a demo has a line that another terminal can paste, with its login and the log', () => {
  expect(accessLines(access)).toEqual([
    'orders     export DATABASE_URL=postgres://me@h:1/orders KAFKA_BROKERS=h:2',
    'stock      export DATABASE_URL=postgres://me@h:1/stock KAFKA_BROKERS=h:2',
    'console:   http://127.0.0.1:7070/, to act in it sign in with a-token',
  ]);
});

it('the console of a demo has all its databases, its log and a token', () => {
  expect(consoleEnv(access)).toEqual({
    KAFKA_BROKERS: 'h:2',
    CONVERGE__DATABASES__ORDERS: 'postgres://me@h:1/orders',
    CONVERGE__DATABASES__STOCK: 'postgres://me@h:1/stock',
    CONVERGE__CONSOLE__PORT: '7070',
    CONVERGE__CONSOLE__TOKENS__DEVELOPER: 'a-token',
  });
});
