import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../define-event.ts';
import { incompatibilities } from './compatibility.ts';
import { jsonSchemaOf } from './json-schema.ts';
import type { Breaks, Incompatibility } from './place.ts';

const published = {
  id: z.string(),
  count: z.int(),
  note: z.string().optional(),
  state: z.enum(['open', 'shut']),
  lines: z.array(z.object({ sku: z.string().min(3).max(8) })).min(1),
  way: z.discriminatedUnion('by', [
    z.object({ by: z.literal('card'), last4: z.string() }),
    z.object({ by: z.literal('cash') }),
  ]),
  either: z.union([z.string(), z.number()]),
  maybe: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  pair: z.tuple([z.string(), z.number()]),
};
type Shape = Record<string, z.ZodType>;

function compare(before: z.ZodType, after: z.ZodType): readonly Incompatibility[] {
  const schema = (data: z.ZodType) =>
    jsonSchemaOf(defineEvent('a.b', { version: 1, topic: 't', key: () => 'k', data }));
  return incompatibilities(schema(before), schema(after));
}
const changed = (change: Shape, without: readonly string[] = []): readonly Incompatibility[] => {
  const kept = Object.entries(published).filter(([name]) => !without.includes(name));
  return compare(z.object(published), z.object({ ...Object.fromEntries(kept), ...change }));
};

describe('a compatible change of a published version', () => {
  it.each<[string, Shape, string[]?]>([
    ['nothing', {}],
    ['a new optional field', { extra: z.string().optional() }],
    ['a new field with a default', { extra: z.string().default('x') }],
    ['an optional field less', {}, ['note']],
    ['descriptions', { id: z.string().describe('the id').meta({ title: 'Id' }) }],
    ['another order of enum values', { state: z.enum(['shut', 'open']) }],
    ['another order of alternatives', { either: z.union([z.number(), z.string()]) }],
  ])('%s is compatible', (_, change, without) => expect(changed(change, without)).toEqual([]));
});

describe('an incompatible change is reported with the broken side and the reason', () => {
  it.each<[string, string, Breaks, string, Shape, string[]?]>([
    ['a required field removed', 'id', 'old_readers', 'removed', {}, ['id']],
    ['a new required field', 'extra', 'old_events', 'added as required', { extra: z.string() }],
    ['optional → required', 'note', 'old_events', 'became required', { note: z.string() }],
    ['required → optional', 'id', 'old_readers', 'became optional', { id: z.string().optional() }],
    ['another type', 'count', 'both', 'type integer became string', { count: z.string() }],
    [
      'integer → number',
      'count',
      'old_readers',
      'type integer became number',
      { count: z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER) },
    ],
    ['null allowed', 'id', 'old_readers', 'type string became string | null', { id: z.string().nullable() }],
    ['null refused', 'maybe', 'old_events', 'type string | null became string', { maybe: z.string() }],
    ['enum narrowed', 'state', 'old_events', 'values were removed: "shut"', { state: z.enum(['open']) }],
    [
      'enum widened',
      'state',
      'old_readers',
      'values were added that old readers refuse: "ajar"',
      { state: z.enum(['open', 'shut', 'ajar']) },
    ],
    ['enum → any text', 'state', 'old_readers', 'enum', { state: z.string() }],
    ['any text → enum', 'id', 'old_events', 'enum', { id: z.enum(['a']) }],
    ['a format added', 'id', 'old_events', 'format (none) became "email"', { id: z.email() }],
    [
      'a bound tightened',
      'lines.[].sku',
      'old_events',
      'minLength 3 became 4',
      { lines: z.array(z.object({ sku: z.string().min(4).max(8) })).min(1) },
    ],
    [
      'a bound loosened',
      'lines.[].sku',
      'old_readers',
      'maxLength 8 became 9',
      { lines: z.array(z.object({ sku: z.string().min(3).max(9) })).min(1) },
    ],
    [
      'a bound taken away',
      'lines',
      'old_readers',
      'minItems 1 became (none)',
      { lines: z.array(z.object({ sku: z.string().min(3).max(8) })) },
    ],
    ['a bound added', 'count', 'old_events', 'maximum', { count: z.int().max(5) }],
    [
      'a field renamed in a list',
      'lines.[].sku',
      'old_readers',
      'renamed to code?',
      { lines: z.array(z.object({ code: z.string().min(3).max(8) })).min(1) },
    ],
    [
      'a list that became one',
      'lines',
      'both',
      'type array became object',
      { lines: z.object({ sku: z.string() }) },
    ],
    [
      'an alternative removed',
      'way',
      'old_events',
      'was removed',
      { way: z.discriminatedUnion('by', [z.object({ by: z.literal('cash') })]) },
    ],
    [
      'an alternative added',
      'way',
      'old_readers',
      'was added',
      { way: z.discriminatedUnion('by', [...published.way.options, z.object({ by: z.literal('coin') })]) },
    ],
    [
      'a field inside an alternative',
      'way.(one of).last4',
      'old_readers',
      'removed',
      {
        way: z.discriminatedUnion('by', [
          z.object({ by: z.literal('card') }),
          z.object({ by: z.literal('cash') }),
        ]),
      },
    ],
    [
      'another alternative of a plain union',
      'either',
      'old_readers',
      'became string | number | boolean',
      { either: z.union([z.string(), z.number(), z.boolean()]) },
    ],
    [
      'values of a record',
      'tags.*',
      'both',
      'type string became number',
      { tags: z.record(z.string(), z.number()) },
    ],
    [
      'a longer tuple',
      'pair',
      'both',
      'tuple has 3 elements, it had 2',
      { pair: z.tuple([z.string(), z.number(), z.string()]) },
    ],
    [
      'another element of a tuple',
      'pair.[1]',
      'both',
      'type number became string',
      { pair: z.tuple([z.string(), z.string()]) },
    ],
    ['a strict object', '', 'old_events', 'restricted', {}],
  ])(
    '%s is incompatible and reported with the broken side',
    (name, path, breaks, reason, change, without) => {
      const found =
        name === 'a strict object'
          ? compare(z.object(published), z.strictObject(published))
          : changed(change, without);
      expect(found).toContainEqual({ path, breaks, reason: expect.stringContaining(reason) });
    },
  );

  it('adding or removing a field of a strict object is incompatible even when optional', () => {
    const [small, large] = [
      z.strictObject({ a: z.string() }),
      z.strictObject({ a: z.string(), b: z.string().optional() }),
    ];
    expect(compare(small, large)).toMatchObject([{ path: 'b', breaks: 'old_readers' }]);
    expect(compare(large, small)).toMatchObject([{ path: 'b', breaks: 'old_events' }]);
  });

  it('changes inside recursive schemas are found, without an endless loop', () => {
    const tree = (leaf: z.ZodType) => {
      const node: z.ZodObject = z.object({
        leaf,
        get children(): z.ZodArray {
          return z.array(node);
        },
      });
      return z.object({ root: node });
    };
    expect(compare(tree(z.string()), tree(z.string()))).toEqual([]);
    expect(compare(tree(z.string()), tree(z.int()))).toMatchObject([{ path: 'root.leaf', breaks: 'both' }]);
  });

  it('changes inside a referenced schema are found from lists, records and alternatives', () => {
    const shared = { $ref: '#/$defs/x' };
    const schema = (place: object, x: object) => ({ type: 'object', properties: { p: place }, $defs: { x } });
    for (const place of [
      { type: 'array', items: shared },
      { type: 'object', additionalProperties: shared },
      { anyOf: [{ type: 'null' }, shared] },
      { type: 'array', prefixItems: [shared] },
    ])
      expect(
        incompatibilities(schema(place, { type: 'string' }), schema(place, { type: 'number' })),
      ).toMatchObject([{ breaks: 'both', reason: 'type string became number' }]);
  });

  it('a change of an unknown keyword counts as breaking both sides', () => {
    const [before, after] = [
      { type: 'object', dependentRequired: { a: ['b'] } },
      { type: 'object', dependentRequired: { a: ['c'] } },
    ];
    expect(incompatibilities(before, after)).toMatchObject([
      { breaks: 'both', reason: expect.stringContaining('dependentRequired') },
    ]);
  });
});
