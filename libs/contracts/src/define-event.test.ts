import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  ContractError,
  type ContractErrorCode,
  defineEvent,
  type DomainEvent,
  type EventDefinition,
  type ReceivedEvent,
} from './index.ts';
import { receive, type StandardSchema } from './engine.ts';

const orderPlaced = defineEvent('shop.order.placed', {
  version: 1,
  topic: 'shop.orders',
  key: (data) => data.orderId,
  data: z.object({
    orderId: z.string(),
    lines: z.array(z.object({ sku: z.string(), quantity: z.int() })).min(1),
    currency: z.string().default('EUR'),
  }),
});
const good = { orderId: 'o-1', lines: [{ sku: 'a', quantity: 2 }] };

/** An event with one field, to test payload rules. */
const note = defineEvent('test.note', {
  version: 1,
  topic: 'notes',
  key: () => 'k',
  data: z.object({ text: z.unknown() }),
});

function codeOf(fn: () => unknown): ContractErrorCode | undefined {
  try {
    fn();
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
  return undefined;
}

describe('a new event', () => {
  it('an event without a version has version 1', () => {
    const plain = defineEvent('test.plain', { topic: 'notes', key: () => 'k', data: z.object({}) });
    expect([plain.version, plain.oldest, plain({}).version]).toEqual([1, 1, 1]);
  });

  it('a new event has its defaults, no unknown fields, and its JSON encoded once', () => {
    const event = orderPlaced({ ...good, secret: 'x' } as typeof good);
    expect(event).toMatchObject({ type: 'shop.order.placed', version: 1, topic: 'shop.orders', key: 'o-1' });
    expect(event.payload).toBe('{"orderId":"o-1","lines":[{"sku":"a","quantity":2}],"currency":"EUR"}');
    expect(event.data).toEqual(JSON.parse(event.payload));
  });

  it('a new event is frozen at every depth', () => {
    const event = orderPlaced(good);
    expect(Object.isFrozen(event)).toBe(true);
    expect(() => Object.assign(event.data.lines[0]!, { quantity: 3 })).toThrow(TypeError);
  });

  it('a new event is independent of later changes to the input', () => {
    const mine = { orderId: 'o-1', lines: [{ sku: 'a', quantity: 2 }] };
    const event = orderPlaced(mine);
    mine.lines[0]!.quantity = 99;
    expect(event.data.lines[0]?.quantity).toBe(2);
  });

  it('a definition infers the types of its input and its data', () => {
    expectTypeOf(orderPlaced).parameter(0).toEqualTypeOf<{
      orderId: string;
      lines: { sku: string; quantity: number }[];
      currency?: string | undefined;
    }>();
    type Data = { orderId: string; lines: { sku: string; quantity: number }[]; currency: string };
    expectTypeOf(orderPlaced(good)).toEqualTypeOf<DomainEvent<Data, 'shop.order.placed'>>();
    expectTypeOf(orderPlaced.type).toEqualTypeOf<'shop.order.placed'>();
    expectTypeOf(receive<Data>).returns.toEqualTypeOf<ReceivedEvent<Data>>();
    expectTypeOf(orderPlaced.parse).returns.toEqualTypeOf<Data>();
    const any: readonly EventDefinition[] = [orderPlaced, note];
    expect(any).toHaveLength(2);
    const read: EventDefinition<string, Data> = orderPlaced;
    expect(read.type).toBe('shop.order.placed');
    const wrong = (): unknown[] => [
      // @ts-expect-error a field is missing
      orderPlaced({ orderId: 'x' }),
      // @ts-expect-error the bare definition stands for any event: it cannot be called
      any[0]?.(good),
      // @ts-expect-error an event is read-only
      (orderPlaced(good).key = 'x'),
    ];
    expect(wrong).toBeTypeOf('function');
  });
});

describe('a bad event throws a typed error in the caller', () => {
  it('an invalid event is rejected with every violation and without the values', () => {
    try {
      orderPlaced({ orderId: 4711, lines: [] } as never);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'DATA_INVALID', category: 'data', certainty: 'not_applied' });
      expect((error as ContractError).issues.map(({ path }) => path)).toEqual(['orderId', 'lines']);
      expect((error as ContractError).message).not.toContain('4711');
    }
  });

  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  const cases: [string, unknown, ContractErrorCode][] = [
    ['a BigInt', 1n, 'DATA_NOT_JSON'],
    ['a cycle', loop, 'DATA_NOT_JSON'],
    ['a lone high surrogate', 'a\ud83d', 'PAYLOAD_LONE_SURROGATE'],
    ['a lone low surrogate', '\ude00a', 'PAYLOAD_LONE_SURROGATE'],
    ['halves in the wrong order', '\ude00\ud83d', 'PAYLOAD_LONE_SURROGATE'],
    ['a lone surrogate after a backslash', '\\\ud83d', 'PAYLOAD_LONE_SURROGATE'],
    ['a lone surrogate in a name', { '\ud83d': 1 }, 'PAYLOAD_LONE_SURROGATE'],
    ['too many bytes', 'x'.repeat(900_001), 'PAYLOAD_TOO_LARGE'],
    ['too many bytes by multibyte characters', '€'.repeat(300_001), 'PAYLOAD_TOO_LARGE'],
    ['a __proto__ key', JSON.parse('{"__proto__":1}'), 'PAYLOAD_FORBIDDEN_KEY'],
    ['a constructor key', { a: [{ constructor: 1 }] }, 'PAYLOAD_FORBIDDEN_KEY'],
  ];
  it.each(cases)('an event with %s is rejected', (_, text, code) =>
    expect(codeOf(() => note({ text }))).toBe(code),
  );

  it.each(['😀', '\\ud83d', 'the word constructor', '\u0000', '\u2028', 'ud83d'])(
    'an event with the text %j is accepted',
    (text) => expect(note({ text }).data).toEqual({ text }),
  );

  const keyed = defineEvent('test.keyed', {
    version: 1,
    topic: 't',
    key: (d) => d.key as string,
    data: z.object({ key: z.unknown() }),
  });
  it.each([
    ['empty', ''],
    ['missing', null],
    ['a number', 4],
    ['too long', '€'.repeat(342)],
    ['with a line break', 'a\nb'],
  ])('an event is rejected when its key is %s', (_, key) =>
    expect(codeOf(() => keyed({ key }))).toBe('KEY_INVALID'),
  );
});

describe('a schema that reads its own output differently', () => {
  it('an event is rejected at emit when its schema refuses its own output', () => {
    const counted = defineEvent('test.odd', {
      version: 1,
      topic: 't',
      key: () => 'k',
      data: z.string().transform(Number),
    });
    expect(codeOf(() => counted('5'))).toBe('DATA_INVALID');
  });
  it('an event is rejected at emit when its schema changes its own output', () => {
    const doubled = defineEvent('test.odd', {
      version: 1,
      topic: 't',
      key: () => 'k',
      data: z.number().transform((n) => n * 2),
    });
    expect(codeOf(() => doubled(1))).toBe('DATA_CHANGES_WHEN_READ');
  });
  it('a schema with dates that reads them back from text is accepted', () => {
    const dated = defineEvent('test.dated', {
      version: 1,
      topic: 't',
      key: () => 'k',
      data: z.object({ at: z.coerce.date() }),
    });
    const event = dated({ at: new Date(5) });
    expect(event.payload).toBe('{"at":"1970-01-01T00:00:00.005Z"}');
    expect(event.data.at.getTime()).toBe(5);
  });
});

describe('a Standard Schema of any vendor', () => {
  const schema = (validate: StandardSchema['~standard']['validate']): StandardSchema<{ id: string }> =>
    ({ '~standard': { version: 1, vendor: 'home-made', validate } }) as StandardSchema<{ id: string }>;
  const define = (data: StandardSchema<{ id: string }>) =>
    defineEvent('test.other', { version: 1, topic: 't', key: (d) => d.id, data });

  it('a definition accepts a Standard Schema of another vendor', () => {
    expect(define(schema((value) => ({ value })))({ id: 'x' }).key).toBe('x');
    const refusing = define(schema(() => ({ issues: [{ message: 'no', path: ['a', { key: 'b' }, 0] }] })));
    expect(() => refusing({ id: 'x' })).toThrow('a.b.0: no');
  });
  it('an asynchronous schema is rejected with a clear error, even when it rejects', () => {
    const late = define(schema(() => Promise.reject(new Error('late'))));
    expect(() => late({ id: 'x' })).toThrow(/asynchronous schema \(home-made\).*synchronous checks/);
    expect(codeOf(() => late({ id: 'x' }))).toBe('SCHEMA_ASYNC');
    const zodAsync = define(z.object({ id: z.string().refine(() => Promise.resolve(true)) }));
    expect(codeOf(() => zodAsync({ id: 'x' }))).toBe('SCHEMA_ASYNC');
  });
  it('a schema that throws is reported by a typed error', () => {
    const throwing = define(
      schema(() => {
        throw new Error('boom');
      }),
    );
    expect(codeOf(() => throwing({ id: 'x' }))).toBe('DATA_INVALID');
  });
});

describe('a bad definition fails where it is defined', () => {
  const base = { version: 1, topic: 't', key: () => 'k', data: z.object({}) };
  it.each([
    ['type', { type: 'A.b' }],
    ['type', { type: 'a..b' }],
    ['type', { type: `a${'b'.repeat(200)}` }],
    ['version', { version: 0 }],
    ['version', { version: 1.5 }],
    ['topic', { topic: 'a b' }],
    ['topic', { topic: '..' }],
    ['data', { data: {} as never }],
    ['upcast', { version: 3, upcast: { 1: (d: unknown) => d } }],
    ['upcast', { version: 2, upcast: { 2: (d: unknown) => d } }],
    ['upcast', { version: 2, upcast: { 0: (d: unknown) => d, 1: (d: unknown) => d } }],
  ])('a definition with an invalid %s is rejected at definition', (field, change) => {
    const { type = 'a.b', ...rest } = change as { readonly type?: string };
    expect(() => defineEvent(type, { ...base, ...rest })).toThrow(field);
    expect(codeOf(() => defineEvent(type, { ...base, ...rest }))).toBe('DEFINITION_INVALID');
  });
});
