import { expect, it } from 'vitest';
import { z } from 'zod';
import { settingEntries } from './reference.ts';

const only = (schema: z.ZodType) => settingEntries(z.object({ it: schema }))[0];

it('an entry of the reference has path, variables, fallback, unit, range and description of its setting', () => {
  const schema = z.object({
    database: z.object({ url: z.string().describe('The database.') }),
    relay: z.object({ leaseMs: z.int().min(3_001).meta({ fallback: '5000' }).optional() }).prefault({}),
  });
  expect(settingEntries(schema)).toEqual([
    {
      path: 'database.url',
      variables: ['DATABASE_URL', 'CONVERGE__DATABASE__URL'],
      fallback: 'required',
      unit: '',
      range: 'text',
      description: 'The database.',
    },
    {
      path: 'relay.leaseMs',
      variables: ['CONVERGE__RELAY__LEASE_MS'],
      fallback: '5000',
      unit: 'ms',
      range: 'whole number from 3001',
      description: undefined,
    },
  ]);
});

it.each([
  ['an enum', z.enum(['a', 'b', 'c']), 'a, b or c'],
  ['a switch', z.boolean().default(false), 'true or false'],
  ['a share', z.number().gt(0).max(1), 'number above 0 to 1'],
  ['a port', z.int().min(0).max(65_535).default(0), 'whole number from 0 to 65535'],
  [
    'a number or a word',
    z.union([z.int().min(1), z.literal('unbounded')]),
    'whole number from 1 or unbounded',
  ],
  ['a list', z.array(z.string()).default([]), 'list of text'],
  ['a checked text with words', z.string().regex(/:\d+$/).meta({ range: 'host:port' }), 'host:port'],
])('the reference says what %s accepts', (_what, schema, range) => {
  expect(only(schema)?.range).toBe(range);
});

it('the reference says of a group that may be left out that its parts are required with it', () => {
  const schema = z.object({ sasl: z.object({ username: z.string() }).optional() });
  expect(settingEntries(schema)[0]?.fallback).toBe('required with sasl');
});

it('the reference shows a free name in path and variable', () => {
  const schema = z.object({ sources: z.record(z.string(), z.string()).default({}).describe('The sources.') });
  expect(settingEntries(schema)[0]).toMatchObject({
    path: 'sources.<name>',
    description: 'The sources.',
    fallback: 'none',
    variables: ['CONVERGE__SOURCES__<NAME>'],
  });
});
