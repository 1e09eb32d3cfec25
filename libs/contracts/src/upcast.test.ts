import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from './index.ts';
import { failureEvent, KIT_TYPES } from './engine.ts';

/** A definition with history: v1 had one name, v2 split it, v3 counts cents. */
const customer = defineEvent('test.customer.registered', {
  version: 3,
  topic: 'customers',
  key: (data) => data.id,
  data: z.object({
    id: z.string(),
    first: z.string(),
    last: z.string(),
    credit: z.object({ cents: z.int() }),
  }),
  upcast: {
    1: (data) => {
      const { name, ...rest } = z.looseObject({ name: z.string() }).parse(data);
      const [first = '', ...last] = name.split(' ');
      return { ...rest, first, last: last.join(' ') };
    },
    2: (data) => {
      const { credit, ...rest } = z.looseObject({ credit: z.number() }).parse(data);
      return { ...rest, credit: { cents: Math.round(credit * 100) } };
    },
  },
});

const folder = new URL('../fixtures/', import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

describe('recorded payloads of every published version', () => {
  it.each([1, 2, 3])('a recorded payload of v%i is read as the current version', (version) => {
    expect(customer.parse(fixture(`test.customer.registered.v${version}.json`), version)).toEqual({
      id: 'c-7',
      first: 'Ada',
      last: 'King Lovelace',
      credit: { cents: 1050 },
    });
  });

  it('recorded payloads of the kit’s failure event are read', () => {
    const names = readdirSync(folder).filter((name) => name.startsWith(KIT_TYPES.failure));
    expect(names.length).toBeGreaterThanOrEqual(2);
    for (const name of names)
      expect(failureEvent('payments').parse(fixture(name), 1)).toMatchObject({ consumer: 'payments' });
  });
});

describe('versions that cannot be read', () => {
  const code = (payload: string, version: number): unknown => {
    try {
      return customer.parse(payload, version);
    } catch (error) {
      return (error as { code: unknown }).code;
    }
  };
  it.each([4, 0, -1, 1.5, Number.NaN, Infinity])('version %d is unknown', (version) =>
    expect(code('{}', version)).toBe('VERSION_UNKNOWN'),
  );
  it('an upcast that throws is reported as bad data', () => {
    expect(code('{"credit":1}', 1)).toBe('UPCAST_FAILED');
    expect(code('null', 1)).toBe('UPCAST_FAILED');
  });
  it('a version before the first upcast is unknown', () => {
    const young = defineEvent('a.b', {
      version: 3,
      topic: 't',
      key: () => 'k',
      data: z.object({}),
      upcast: { 2: (d) => d },
    });
    expect(young.oldest).toBe(2);
    expect(young.parse('{}', 2)).toEqual({});
    expect(() => young.parse('{}', 1)).toThrow('no upcast from v1');
  });
});
