import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CATEGORIES, CERTAINTIES } from '@convergekit/core/engine';
import { classifier, classify } from './index.ts';
import type { ClassifyRule } from './verdict.ts';
import { axes, http, thrown } from './fixture/thrown.ts';

describe('classify', () => {
  it('classify reads Retry-After as seconds, and as a date against the response’s own clock', () => {
    const wait = (headers: unknown): number | undefined =>
      classify(thrown({ status: 429, headers })).retryAfterMs;
    expect(wait({ 'retry-after': '2' })).toBe(2000);
    expect(wait({ 'Retry-After': 3 })).toBe(3000);
    expect(wait(new Headers({ 'retry-after': '4' }))).toBe(4000);
    const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
    expect(wait({ 'retry-after': 'Wed, 21 Oct 2015 07:28:05 GMT', date })).toBe(5000);
    expect(wait({ 'retry-after': 'Wed, 21 Oct 2015 07:27:00 GMT', date })).toBe(0);
    for (const bad of ['-1', 'soon', '', '1e9', '9'.repeat(20)])
      expect(wait({ 'retry-after': bad, date })).toBeUndefined();
    expect(wait({ 'retry-after': 'Wed, 21 Oct 2015 07:28:05 GMT' })).toBeUndefined();
    expect(wait(undefined)).toBeUndefined();
    expect(
      classify(thrown({ response: { status: 503, headers: { 'retry-after': '7' } } })).retryAfterMs,
    ).toBe(7000);
  });

  it('S13: a classifier runs the application’s rules first and applies its default', () => {
    const declined: ClassifyRule = (error) =>
      error instanceof Error && error.message === 'declined'
        ? { category: 'business', certainty: 'not_applied', code: 'DECLINED' }
        : undefined;
    expect(classify(thrown({ status: 500 }, 'declined'), [declined])).toMatchObject({
      category: 'business',
      code: 'DECLINED',
    });
    expect(classify(http(500), [declined]).category).toBe('service');
    const otherwise = { category: 'service', certainty: 'unknown', code: 'MYSTERY' } as const;
    expect(classify(new Error('?'), [], otherwise)).toMatchObject(otherwise);
    expect(classify(new TypeError('?'), [], otherwise).category).toBe('bug');
  });

  it('S13: onUnknown is called for errors that no rule matches, and only for those', () => {
    const unknown: string[] = [];
    const known: ClassifyRule = (error) =>
      error === 'mine' ? { category: 'service', certainty: 'unknown', code: 'MYSTERY' } : undefined;
    const own = classifier({
      rules: [known],
      otherwise: { category: 'service', certainty: 'unknown', code: 'MYSTERY' },
      onUnknown: ({ code, message }) => unknown.push(`${code} ${message}`),
    });
    expect(own(new Error('what?'))).toMatchObject({ category: 'service', code: 'MYSTERY' });
    expect([own('mine').code, own(http(503)).category, own(new TypeError('x')).category]).toEqual([
      'MYSTERY',
      'service',
      'bug',
    ]);
    expect(unknown).toEqual(['MYSTERY what?']);
  });

  it('S11: classify recognises errors of real sockets and name look-ups', async () => {
    const socket = connect({ port: 1, host: '127.0.0.1' });
    const refused = await new Promise<unknown>((resolve) => socket.once('error', resolve));
    expect(axes(refused)).toBe('network not_applied');
    const unknown: unknown = await lookup('does-not-exist.invalid').catch((reason: unknown) => reason);
    expect(axes(unknown)).toBe('network not_applied');
  });

  it('S11: classify never throws, and always returns known categories, whatever was thrown', () => {
    const loop = new Error('loop');
    loop.cause = loop;
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
        has: () => true,
      },
    );
    const odd: unknown[] = [
      loop,
      trap,
      Object.create(null),
      Symbol('s'),
      5n,
      () => 1,
      [],
      { toString: null },
      { code: {}, status: NaN, name: 5, errors: [trap, loop] },
    ];
    for (const one of odd) {
      const { category, certainty, message } = classify(one);
      expect(CATEGORIES).toContain(category);
      expect(CERTAINTIES).toContain(certainty);
      expect(message).toBeTypeOf('string');
    }
  });
});
