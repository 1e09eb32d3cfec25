import { expect, it } from 'vitest';
import { addressOf } from './address.ts';

const url = 'postgres://app:s3cret@db:5432/shop';

it.each([
  ['the setting that is given', { url, setting: 'ORDERS (file)' }, {}, 'ORDERS (file)'],
  ['the variable that holds the URL', { url }, { OTHER: 'x', ORDERS_URL: url }, 'ORDERS_URL'],
  ['DATABASE_URL where several hold it', { url }, { A_URL: url, DATABASE_URL: url }, 'DATABASE_URL'],
  ['the option of a URL from elsewhere', { url }, {}, 'the `url` given to connect'],
  ['PG* without a URL', {}, { PGHOST: 'db' }, 'PGHOST'],
  ['PG* with an empty URL', { url: '' }, { PGDATABASE: 'shop' }, 'PGDATABASE'],
])('an error of a connection names %s', (_, options, env, setting) =>
  expect(addressOf(options, env).setting).toBe(setting),
);

// Planted fault: without the refusal, pg connects to localhost.
it.each([
  ['no URL', {}],
  ['an empty URL', { url: '' }],
])('%s and no PG* variable is refused, and a misnamed variable is named without its value', (_, options) => {
  const refused = expect(() => addressOf(options, { DATABASE_ULR: url }));
  refused.toThrow(/is not set.*localhost is not assumed.*DATABASE_ULR holds a Postgres URL/);
  expect(() => addressOf(options, { DATABASE_ULR: url })).not.toThrow(/s3cret/);
  expect(() => addressOf(options, {})).toThrow(expect.objectContaining({ code: 'DATABASE_SETTINGS' }));
});
