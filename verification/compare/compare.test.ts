import { describe, expect, it } from 'vitest';
import { differencesOf, differenceText } from './compare.ts';

const seen = { effects: { 'a-1': ['bank.charge', 'post.label'] }, 'rows of orders': { 'a-1': ['shipped'] } };

describe('a comparison of two builds', () => {
  it('equal observations have no difference', () =>
    expect(differencesOf(seen, structuredClone(seen))).toEqual([]));

  it('a line that one side lacks is a difference of its section and its key, with the side that has it', () => {
    const present = { ...seen, effects: { 'a-1': ['bank.charge'] } };
    const [found, ...more] = differencesOf(seen, present);
    expect(more).toEqual([]);
    expect(found).toEqual({ section: 'effects', about: 'a-1', old: ['post.label'], new: [], order: false });
    expect(differenceText(found!)).toEqual(['effects of a-1: differs', '    OLD  post.label']);
  });

  it('a line that one side has twice is a difference', () => {
    const present = { ...seen, effects: { 'a-1': ['bank.charge', 'bank.charge', 'post.label'] } };
    expect(differencesOf(seen, present)).toMatchObject([{ old: [], new: ['bank.charge'] }]);
  });

  it('the same lines in another order are a difference of their order', () => {
    const present = { ...seen, effects: { 'a-1': ['post.label', 'bank.charge'] } };
    const [found] = differencesOf(seen, present);
    expect(found).toMatchObject({ order: true });
    expect(differenceText(found!)[0]).toBe('effects of a-1: the same lines in another order');
  });

  it('a key and a section that only one side has are differences', () => {
    const present = { ...seen, effects: { ...seen.effects, 'a-2': ['bank.charge'] }, verify: { all: ['x'] } };
    expect(differencesOf(seen, present).map(({ section, about }) => `${section} ${about}`)).toEqual([
      'effects a-2',
      'verify all',
    ]);
    expect(differencesOf(present, seen)).toHaveLength(2);
  });
});
