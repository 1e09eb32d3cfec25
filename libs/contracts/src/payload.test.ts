import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPayload } from './engine.ts';
import { ContractError } from './index.ts';
import { parsePayload } from './payload.ts';

describe('payloads', () => {
  it('a payload from JSON.stringify is accepted exactly when every string in it is well formed', () => {
    const anyString = fc.string({
      unit: fc
        .oneof(fc.integer({ min: 0xd7f0, max: 0xe010 }), fc.constantFrom(0x5c, 0x75, 0x22, 0x41))
        .map((unit) => String.fromCharCode(unit)),
    });
    fc.assert(
      fc.property(fc.array(anyString), (strings) => {
        const check = (): void => checkPayload(JSON.stringify(strings));
        if (strings.every((one) => one.isWellFormed())) check();
        else expect(check).toThrow(expect.objectContaining({ code: 'PAYLOAD_LONE_SURROGATE' }));
      }),
      { numRuns: 2000 },
    );
  });

  it('a payload with escaped whole pairs is accepted', () => {
    checkPayload(String.raw`{"a":"\ud83d\ude00 \uD83D\uDE00 \\ud83d \\\\\ud83d\ude00"}`);
    for (const half of [
      String.raw`"\ud83d"`,
      String.raw`"\ud83dx\ude00"`,
      String.raw`"\ude00"`,
      String.raw`"\ud83d\ud83d\ude00"`,
      String.raw`"\\\ud83d"`,
    ])
      expect(() => checkPayload(half)).toThrow('surrogate');
  });

  it('the size limit of a payload counts bytes, not characters', () => {
    checkPayload('x'.repeat(10), 10);
    expect(() => checkPayload('€€€€', 11)).toThrow('takes 12 bytes, at most 11');
  });

  it('a payload with a prototype key is rejected, however it is spelled', () => {
    for (const json of [
      '{"__proto__":1}',
      '{"a":[{"constructor":{}}]}',
      String.raw`{"\u005f_proto__":{"x":1}}`,
      String.raw`{"\u0063onstructor":1}`,
    ])
      expect(() => parsePayload(json)).toThrow(expect.objectContaining({ code: 'PAYLOAD_FORBIDDEN_KEY' }));
    expect(parsePayload('{"prototype":"__proto__"}')).toEqual({ prototype: '__proto__' });
  });

  it('a payload nested a million deep ends in a typed error', () => {
    for (const json of [
      '['.repeat(400_000),
      `${'['.repeat(400_000)}${']'.repeat(400_000)}`,
      `{"constructo":${'['.repeat(300_000)}`,
    ])
      expect(() => parsePayload(`${json}"constructor"`)).toThrow(ContractError);
  });

  it('a parsed payload keeps text unchanged and numbers as JavaScript reads them', () => {
    expect(parsePayload('{"a":1e2,"b":"\\u0000","c":null}')).toEqual({ a: 100, b: '\0', c: null });
  });
});
