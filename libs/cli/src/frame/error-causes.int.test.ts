import { freshDatabase } from '@convergekit/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { cli, stopLeftovers } from '../fixture/cli.ts';

const { brokers, databaseUrl } = inject('stack');
afterEach(stopLeftovers);

describe('an error names its cause', () => {
  it.each<[string, readonly string[], Record<string, string>, number, RegExp]>([
    [
      'a URL under another name',
      ['outbox', 'list'],
      { ORDERS_URL: databaseUrl },
      78,
      /DATABASE_URL is not set.*ORDERS_URL holds a Postgres URL/,
    ],
    [
      'a lease that is too short',
      ['relay'],
      { CONVERGE__RELAY__LEASE_MS: '1' },
      78,
      /relay\.leaseMs = 1 .*CONVERGE__RELAY__LEASE_MS.*3001/,
    ],
    [
      'a broker that is down',
      ['topics', 'check', 'a'],
      { KAFKA_BROKERS: '127.0.0.1:1' },
      1,
      /no broker can be reached at 127\.0\.0\.1:1/,
    ],
    [
      'a module that does not exist',
      ['topics', 'create', '--from', './nowhere.ts'],
      {},
      2,
      /module \.\/nowhere\.ts does not exist/,
    ],
    [
      'a module without anything in it',
      ['topics', 'check', '--from', './libs/cli/src/frame/output.ts'],
      {},
      2,
      /exports no service, consumer, saga or event/,
    ],
  ])('%s', async (_, argv, more, code, text) => {
    const url = await freshDatabase(databaseUrl, 'cause');
    const named = more['ORDERS_URL'] === undefined ? { DATABASE_URL: url } : {};
    const ended = await cli(argv, { ...named, KAFKA_BROKERS: brokers, ...more });
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(text)]);
  });
});
