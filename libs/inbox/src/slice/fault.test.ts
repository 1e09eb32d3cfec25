import { DatabaseError } from '@convergekit/postgres';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import {
  connectionLost,
  endsConsumer,
  faultOf,
  HandlerFailed,
  OwnStatementFailed,
  SliceFault,
} from './fault.ts';

const pg = (code: string): Error => Object.assign(new Error(code), { code, severity: 'ERROR' });
const unknownCommit = new ConvergeError('lost', {
  code: 'COMMIT_UNKNOWN',
  category: 'network',
  certainty: 'unknown',
});

const refusedLogin = new DatabaseError('wrong password', {
  code: 'DATABASE_LOGIN_REFUSED',
  category: 'configuration',
});

function assertion(): Error {
  return Object.assign(new Error('1 !== 2'), { name: 'AssertionError' });
}

function fetchFailed(cause: Error): TypeError {
  return new TypeError('fetch failed', { cause });
}

describe('faultOf', () => {
  it.each([
    { name: 'a lost fence', error: new SliceFault({ kind: 'fence_lost' }), kind: 'fence_lost' },
    { name: 'a lost partition', error: new SliceFault({ kind: 'partition_lost' }), kind: 'partition_lost' },
    {
      name: 'a lost connection under a handler',
      error: connectionLost(pg('57P01')),
      kind: 'outage',
    },
    { name: 'a commit of unknown outcome', error: unknownCommit, kind: 'outage' },
    { name: 'a refused connection at BEGIN', error: pg('57P03'), kind: 'outage' },
    { name: 'a login that is refused while the consumer runs', error: refusedLogin, kind: 'outage' },
    {
      name: 'our own statement on a login that is refused',
      error: new OwnStatementFailed('fence', refusedLogin),
      kind: 'outage',
    },
    { name: 'a handler that throws', error: new HandlerFailed('h', new TypeError('x')), kind: 'events' },
    {
      name: 'a handler whose service is away',
      error: new HandlerFailed('h', pg('08006')),
      kind: 'events',
    },
    {
      name: 'a declared rejection',
      error: new HandlerFailed('h', new BusinessRejection('no')),
      kind: 'events',
    },
    { name: 'a deferred constraint at COMMIT', error: pg('23503'), kind: 'events' },
    {
      name: 'our own statement on a lost connection',
      error: new OwnStatementFailed('attempts', pg('08006')),
      kind: 'outage',
    },
    {
      name: 'our own statement on a full disk',
      error: new OwnStatementFailed('fence', pg('53100')),
      kind: 'outage',
    },
    {
      name: 'a fence held too long',
      error: new OwnStatementFailed('fence', pg('55P03')),
      kind: 'fence_held',
    },
    {
      name: 'our own statement after an error that a handler swallowed',
      error: new OwnStatementFailed('attempts', pg('25P02')),
      kind: 'events',
    },
    {
      name: 'a COMMIT that is answered with a rollback, since a handler swallowed an error',
      error: new DatabaseError('rolled back', {
        code: 'COMMIT_ROLLED_BACK',
        category: 'bug',
        certainty: 'not_applied',
      }),
      kind: 'events',
    },
    {
      name: 'a session that the server ended',
      error: new OwnStatementFailed('attempts', pg('25P04')),
      kind: 'outage',
    },
    { name: 'missing tables of ours', error: new OwnStatementFailed('fence', pg('42P01')), kind: 'stop' },
    { name: 'a wrong password', error: pg('28P01'), kind: 'stop' },
  ])('faultOf classifies $name as $kind', ({ error, kind }) => expect(faultOf(error).kind).toBe(kind));

  const lost = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  const declared = new ConvergeError('?', { code: 'LOST', category: 'bug', certainty: 'unknown' });

  // Planted faults, each seen to fail here: the classifier's own certainty for a bug; a handler's call that is not looked at.
  it.each([
    ['a TypeError', new HandlerFailed('h', new TypeError('x')), 'not_applied'],
    ['an error that no rule knows', new HandlerFailed('h', new Error('x')), 'not_applied'],
    ['a thrown string', new HandlerFailed('h', 'x'), 'not_applied'],
    ['a failed assertion', new HandlerFailed('h', assertion()), 'not_applied'],
    ['wrong SQL', new HandlerFailed('h', pg('42601')), 'not_applied'],
    ['a bug after a call to another system', new HandlerFailed('h', new TypeError('x'), true), 'unknown'],
    ['a lost answer', new HandlerFailed('h', lost), 'unknown'],
    ['a lost answer inside a TypeError', new HandlerFailed('h', fetchFailed(lost)), 'unknown'],
    ['an outcome that is declared unknown', new HandlerFailed('h', declared), 'unknown'],
  ] as const)('G5d: the certainty of %s in a handler that was rolled back', (_, error, certainty) => {
    const fault = faultOf(error);
    expect(fault.kind === 'events' && fault.failure.certainty).toBe(certainty);
  });
});

it('a missing table ends a consumer, and a refused login does not', () => {
  expect([endsConsumer(pg('42P01')), endsConsumer(refusedLogin)]).toEqual([true, false]);
});
