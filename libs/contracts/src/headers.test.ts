import { describe, expect, it } from 'vitest';
import { checkHeaders, WIRE } from './engine.ts';
import type { ContractErrorCode } from './index.ts';

const code = (
  headers: Record<string, string>,
  reserved?: 'allow' | 'refuse',
): ContractErrorCode | undefined => {
  try {
    checkHeaders(headers, reserved === undefined ? {} : { reserved });
  } catch (error) {
    return (error as { code: ContractErrorCode }).code;
  }
  return undefined;
};
const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, 'v']));

describe('headers at emit', () => {
  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['64 of them', many(64)],
    ['exactly 8 KB', { h: 'v'.repeat(8191) }],
    ['any text with tabs', { 'x-tenant': 'grüße\t😀' }],
  ])('an event may have headers with %s', (_, headers) => expect(code(headers)).toBeUndefined());

  it.each<[string, Record<string, string>]>([
    ['65 of them', many(65)],
    ['over 8 KB', { h: 'v'.repeat(8192) }],
    ['over 8 KB by multibyte characters', { h: '€'.repeat(2731) }],
    ['a carriage return', { h: 'a\rb' }],
    ['a line feed', { h: 'a\nce_id: forged' }],
    ['a NUL', { h: 'a\0' }],
    ['a lone surrogate', { h: '\ud83d' }],
    ['a line break in the name', { 'a\nb': 'v' }],
    ['a space in the name', { 'a b': 'v' }],
    ['no name', { '': 'v' }],
    ['a name beyond ASCII', { größe: 'v' }],
    ['a very long name', { ['n'.repeat(129)]: 'v' }],
    ['a value that is no string', { h: 5 as never }],
    ['an undefined value', { h: undefined as never }],
  ])('an event with headers of %s is rejected', (_, headers) =>
    expect(code(headers)).toBe('HEADERS_INVALID'),
  );

  it('a reserved header is rejected in any case of letters, unless the kit sets it', () => {
    for (const name of [...Object.values(WIRE), 'CE_ID', 'Traceparent', 'ce_anything', 'Content-Type']) {
      expect(code({ [name]: 'v' })).toBe('HEADER_RESERVED');
      expect(code({ [name]: 'v' }, 'allow')).toBeUndefined();
    }
  });
});
