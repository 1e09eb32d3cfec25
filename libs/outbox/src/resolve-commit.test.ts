import type { Executor } from '@convergekit/postgres';
import { seededRandom } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { type LostCommit, resolveCommit } from './resolve-commit.ts';

const lost: LostCommit = { by: { xid: '7' }, proof: { text: 'proof', values: [] } };
type Answer = string | null | Error;

/** A server that returns each of `statuses` in turn, then the last one forever. */
function server(statuses: readonly Answer[], proofRows = 1): Executor & { asked: number } {
  const scripted = {
    asked: 0,
    query: (text: string) => {
      if (text === 'proof') return Promise.resolve({ rows: [], rowCount: proofRows });
      const answer = statuses[Math.min(scripted.asked, statuses.length - 1)] ?? null;
      scripted.asked += 1;
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve({ rows: [{ status: answer }] as never[], rowCount: 1 });
    },
  };
  return scripted;
}

async function outcome(executor: Executor): Promise<string> {
  const clock = manualClock();
  let result: string | undefined;
  const resolving = resolveCommit(executor, lost, {
    clock,
    random: seededRandom(1),
    deadlineMs: 10_000,
  }).then((value) => (result = value));
  for (let rounds = 0; result === undefined && rounds < 100; rounds += 1) await clock.advance(500);
  return resolving;
}

const future = Object.assign(new Error('transaction ID 7 is in the future'), {
  code: '22023',
  severity: 'ERROR',
});

it.each<[string, readonly Answer[], number, string]>([
  ['a committed transaction with the row is committed', ['committed'], 1, 'committed'],
  [
    'a committed transaction without the row is another one that got the id after a crash',
    ['committed'],
    0,
    'aborted',
  ],
  ['an aborted transaction is aborted', ['aborted'], 0, 'aborted'],
  ['a transaction in progress is awaited', ['in progress', 'in progress', 'committed'], 1, 'committed'],
  ['an unreachable server is asked again', [new Error('down'), new Error('down'), 'aborted'], 0, 'aborted'],
  ['a transaction id of the future was lost in a crash', [future], 0, 'aborted'],
  ['the outcome of a transaction id that is too old is unknown', [null], 1, 'unknown'],
  [
    'the outcome is unknown when the transaction is in progress until the deadline',
    ['in progress'],
    1,
    'unknown',
  ],
  [
    'the outcome is unknown when the server is unreachable until the deadline',
    [new Error('down')],
    1,
    'unknown',
  ],
])('a COMMIT without an answer is resolved: %s', async (_what, statuses, proofRows, expected) => {
  expect(await outcome(server(statuses, proofRows))).toBe(expected);
});
