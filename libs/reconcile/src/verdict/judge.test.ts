import { describe, expect, it } from 'vitest';
import type { Mode, ReconcilerDefinition } from '../definition.ts';
import { foreignFields } from '../guard/check-state.ts';
import { pendingText } from '../in-flight/pending.ts';
import { defineReconciler, from, type Reconciler } from '../reconciler.ts';
import { changedFields, diffFields } from './fields.ts';
import { judge } from './modes.ts';
import { verdictOf } from './verdict.ts';

interface Article {
  readonly reserved?: number;
  readonly price?: number;
  readonly note?: string;
  readonly version?: number;
}

type Definition = ReconcilerDefinition<unknown, Article, unknown, Article, readonly string[]>;

/** Its drift is the names of the fields that differ. */
const articles = (over: Partial<Definition> = {}): Reconciler =>
  defineReconciler('articles', {
    keys: { scan: async function* () {} },
    desired: from<unknown>('a').read(() => Promise.resolve(null)),
    actual: from<unknown>('b').read(() => Promise.resolve(null)),
    version: 'version',
    compare: (desired, actual) => {
      const fields = (['reserved', 'price', 'note'] as const).filter(
        (field) => desired?.[field] !== actual?.[field],
      );
      return fields.length === 0 ? null : fields;
    },
    repair: () => Promise.resolve(1),
    mode: 'repair',
    ...over,
  });

const unversioned = { version: undefined } as unknown as Partial<Definition>;
const wanted: Article = { reserved: 1, price: 10, note: 'x' };
const differing = (...fields: readonly (keyof Article)[]): Article => ({
  ...wanted,
  ...Object.fromEntries(fields.map((field) => [field, field === 'note' ? 'other' : 99])),
  version: 4,
});

describe('the mode of a drift', () => {
  const modes = { price: 'observe', note: 'warn' } satisfies Record<string, Mode>;
  // Seen to fail when the weakest mode of all differing fields applies: the reservation beside a wrong price stays wrong.
  it.each<[string, Reconciler, Article, unknown]>([
    [
      'a drift has the mode of the reconciler',
      articles(),
      differing('price'),
      { drift: ['price'], mode: 'repair' },
    ],
    ['equal states have none', articles({ modes }), differing(), null],
    ['an ignored field is no drift', articles({ ignore: ['note'] }), differing('note'), null],
    [
      'an ignored field is no part of a drift',
      articles({ ignore: ['note'] }),
      differing('note', 'price'),
      { drift: ['price'], mode: 'repair' },
    ],
    [
      'an observed field beside a repaired one does not prevent its repair',
      articles({ modes }),
      differing('price', 'reserved'),
      { drift: ['reserved'], mode: 'repair' },
    ],
    [
      'a field that is only warned about',
      articles({ modes }),
      differing('note', 'price'),
      { drift: ['note'], mode: 'warn' },
    ],
    [
      'a field that is only observed',
      articles({ modes }),
      differing('price'),
      { drift: ['price'], mode: 'observe' },
    ],
    [
      'a field that is repaired while the reconciler observes',
      articles({ mode: 'observe', modes: { reserved: 'repair' } }),
      differing('reserved', 'price'),
      { drift: ['reserved'], mode: 'repair' },
    ],
  ])('%s', (_name, reconciler, actual, expected) => {
    expect(judge(reconciler, wanted, actual)).toEqual(expected);
  });

  it('a missing state has the mode of the reconciler', () => {
    const observing = articles({ mode: 'observe', modes: { reserved: 'repair' } });
    expect(judge(observing, wanted, null)).toMatchObject({ mode: 'observe' });
  });
});

describe('G7b: the fields that a repair may change', () => {
  const before = { reserved: 1, price: 10, version: 1 };
  const after = { reserved: 2, price: 11, version: 2 };
  it.each<[string, Partial<Definition>, unknown, readonly string[]]>([
    ['all, without a declaration', {}, after, []],
    ['those that it owns, and the version', { owns: ['reserved'] }, after, ['price']],
    ['those whose mode is repair', { modes: { price: 'observe' } }, after, ['price']],
    ['a deletion changes every field', { owns: ['reserved'] }, null, ['price']],
    ['a deletion of a row whose fields are owned is allowed', { owns: ['reserved', 'price'] }, null, []],
  ])('%s', (_name, over, then, foreign) => {
    expect(foreignFields(articles(over), before, then)).toEqual(foreign);
  });

  it('fields are compared by value', () => {
    expect(changedFields({ a: { b: 1 }, c: null }, { a: { b: 1 }, d: 2 })).toEqual(['d']);
    expect(changedFields(1, 2)).toEqual([]);
  });
});

describe('a declaration that could lose a write', () => {
  it.each<[Partial<Definition>, string]>([
    [unversioned, 'version is missing; without it a repair overwrites'],
    [{ mode: 'observe', modes: { price: 'repair' }, ...unversioned }, 'version is missing'],
    [{ mode: 'fix' as Mode }, 'mode is "fix"; give one of observe, warn, repair'],
    [{ modes: { price: 'fix' as Mode } }, 'modes.price is "fix"'],
    [{ ignore: ['version'] }, 'version is the version: remove it'],
    [{ owns: ['price'], ignore: ['price'] }, 'price is ignored, too'],
    [
      { actual: { in: 'b', read: () => Promise.resolve(null) } } as unknown as Partial<Definition>,
      'actual is {"in":"b"}; write from<Tables>(',
    ],
  ])('%j is refused', (over, text) => {
    expect(() => articles(over)).toThrow(text);
  });

  it('a reconciler that repairs nothing, or that says that it is unguarded, needs no version', () => {
    expect(articles({ ...unversioned, mode: 'warn' }).mode).toBe('warn');
    expect(articles({ ...unversioned, unguarded: true }).unguarded).toBe(true);
  });
});

it('a diff has a line for each field, and one for a state without fields', () => {
  expect(diffFields({ a: 1, b: 2 }, { b: 3, c: 4 })).toEqual([
    { field: 'a', desired: 1, actual: undefined, differs: false },
    { field: 'b', desired: 2, actual: 3, differs: true },
    { field: 'c', desired: undefined, actual: 4, differs: false },
  ]);
  expect(diffFields(2, { b: 3 })).toEqual([
    { field: null, desired: 2, actual: undefined, differs: false },
    { field: 'b', desired: undefined, actual: 3, differs: false },
  ]);
});

it('a side that could not be read is never equality, and an operator is needed where no program can repair', () => {
  expect(verdictOf('unknown')).toBe('unknown');
  expect((['unresolvable', 'flapping', 'refused'] as const).map(verdictOf)).toEqual(
    Array(3).fill('unresolvable'),
  );
});

it('each reason to wait has a text', () => {
  expect(
    [
      { kind: 'settling' },
      { kind: 'in_flight', topic: 'shop.orders', partition: 3, upTo: '7/120', seen: null },
      { kind: 'halted', topic: 'shop.orders', partition: 3, why: 'it is held' },
      { kind: 'parked' },
      { kind: 'saga_open', step: 'step reserve' },
    ].map((pending) => pendingText(pending as never)),
  ).toEqual([
    'settling: the drift must stay unchanged for the settle window',
    'in flight: shop.orders/3 must be handled up to 7/120, and is at no position',
    'halted: shop.orders/3: it is held',
    'parked: events of this key are parked (converge parked groups)',
    'open: step reserve of this key has begun and has no outcome yet',
  ]);
});
