import { DatabaseError } from '@convergekit/postgres';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { faultOf } from './fault.ts';
import {
  ConnectionLost,
  FenceLost,
  HandlerFailed,
  OwnStatementFailed,
  PartitionLost,
} from './slice-errors.ts';

const pg = (code: string): Error => Object.assign(new Error(code), { code, severity: 'ERROR' });
const unknownCommit = new ConvergeError('lost', {
  code: 'COMMIT_UNKNOWN',
  category: 'network',
  certainty: 'unknown',
});

describe('faultOf', () => {
  it.each([
    { name: 'a lost fence', error: new FenceLost(), kind: 'fence_lost' },
    { name: 'a lost partition', error: new PartitionLost(), kind: 'partition_lost' },
    {
      name: 'a lost connection under a handler',
      error: new ConnectionLost('', { cause: pg('57P01') }),
      kind: 'outage',
    },
    { name: 'a commit of unknown outcome', error: unknownCommit, kind: 'outage' },
    { name: 'a refused connection at BEGIN', error: pg('57P03'), kind: 'outage' },
    { name: 'a handler that throws', error: new HandlerFailed('h', [], new TypeError('x')), kind: 'events' },
    {
      name: 'a handler whose service is away',
      error: new HandlerFailed('h', [], pg('08006')),
      kind: 'events',
    },
    {
      name: 'a declared rejection',
      error: new HandlerFailed('h', [], new BusinessRejection('no')),
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
});
