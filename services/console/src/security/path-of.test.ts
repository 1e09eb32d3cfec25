import { expect, it } from 'vitest';
import { pathOf } from './sign-in.ts';

it.each([
  '//evil.test',
  '/\\evil.test',
  '/\t/evil.test',
  '/\n/evil.test',
  'https://evil.test',
  'javascript:x',
  '',
  undefined,
])('after a sign-in, %j leads to the home page', (to) => {
  expect(pathOf(to)).toBe('/');
  if (to?.startsWith('/') === true)
    expect(new URL(to, 'http://console.test').origin).not.toBe('http://console.test');
});

it('after a sign-in, a path of the console is kept with its query', () => {
  expect(pathOf('/sagas?state=stuck&q=a b')).toBe('/sagas?state=stuck&q=a b');
});
