import { expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import { SignInLimit } from './sign-in-limit.ts';

const ours = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

it('an address that sent ten wrong tokens in a minute is refused until it is over, and no other address is', async () => {
  const { ask, clock } = appUnderTest();
  const signIn = async (token: string, from: string) =>
    (await ask('/sign-in', { form: { token }, headers: ours, from })).status;
  const byBearer = async (token: string, from: string) =>
    (await ask('/api/echo', { headers: { authorization: `Bearer ${token}` }, from })).status;
  for (let times = 0; times < 5; times += 1) {
    expect(await signIn('x'.repeat(30), '10.0.0.1')).toBe(401);
    expect(await byBearer('y'.repeat(30), '10.0.0.1')).toBe(200);
  }
  // The right token, too: an answer to it would say that it is right.
  expect(await signIn(TOKENS.ada, '10.0.0.1')).toBe(429);
  expect(await byBearer(TOKENS.ada, '10.0.0.1')).toBe(429);
  expect(await signIn(TOKENS.ada, '10.0.0.2')).toBe(303);
  await clock.advance(60_001);
  expect(await signIn(TOKENS.ada, '10.0.0.1')).toBe(303);
});

it('where a hundred wrong tokens came in a minute, addresses that signed in before still may, and others wait', () => {
  const limit = new SignInLimit();
  limit.right('10.0.0.9');
  for (let address = 0; address < 100; address += 1) {
    expect(limit.waitMs(`172.16.0.${address}`, 1_000)).toBe(0);
    limit.wrong(`172.16.0.${address}`, 1_000);
  }
  expect(limit.waitMs('172.16.1.1', 2_000)).toBe(59_000);
  expect(limit.waitMs('10.0.0.9', 2_000)).toBe(0);
  expect(limit.waitMs('172.16.1.1', 61_000)).toBe(0);
});
