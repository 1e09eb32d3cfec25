import { expect, it } from 'vitest';
import { READER, type Visitor } from '../../types.ts';
import { OpenTails } from './stream.ts';

const user = (name: string): Visitor => ({
  kind: 'operator',
  user: name,
  via: 'token',
  grants: [{ role: 'operator', areas: ['*'] }],
  formToken: 'f',
});

it('visitors without a name take half of the live tails at most, and one of them a quarter', () => {
  const tails = new OpenTails();
  for (let n = 0; n < 4; n += 1) tails.take(READER, '10.0.0.1');
  expect(() => tails.take(READER, '10.0.0.1')).toThrow(/4 live tails of yours are open/);
  for (let n = 0; n < 4; n += 1) tails.take(READER, '10.0.0.2');
  expect(() => tails.take(READER, '10.0.0.3')).toThrow(/sign in/);
  for (const name of ['ada', 'bob']) for (let n = 0; n < 4; n += 1) tails.take(user(name), '10.0.0.1');
  expect(() => tails.take(user('eve'), undefined)).toThrow(/16 live tails are open/);
});

it('a place is free again when its tail has ended, once', () => {
  const tails = new OpenTails();
  const leave = tails.take(READER, 'a');
  for (let n = 0; n < 3; n += 1) tails.take(READER, 'a');
  leave();
  leave();
  tails.take(READER, 'a');
  expect(() => tails.take(READER, 'a')).toThrow();
});
