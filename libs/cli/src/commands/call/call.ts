import {
  actOnWork,
  listWork,
  type Outcome,
  readWork,
  WORK_STATES,
  type WorkDetail,
} from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { shellWord } from '@convergekit/core/engine';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, states, count, reason as why, someArguments, text } from '../../frame/flags.ts';
import { listing, result } from '../../frame/result.ts';
import { fieldLines } from '../../frame/fields.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { actOn, outcomes } from '../journal/act.ts';

const listCommand = command({
  name: 'list',
  summary: 'calls to other systems in DATABASE_URL, the oldest first',
  flags: {
    state: states(WORK_STATES, 'only calls in these states', [
      'ready',
      'calling',
      'unknown',
      'answered',
      'stuck',
    ]),
    name: text('name', 'only calls of this declaration'),
    limit: count('calls', 'at most so many calls', 50),
  },
  run: async (context, { state: states, name, limit }) => {
    const { executor } = await context.database(sagaMigrations);
    return listing(await listWork(executor, { states, call: name, limit }), 'no calls in these states', {
      id: (row) => row.id,
      call: (row) => row.call,
      key: (row) => row.key,
      state: (row) => (row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`),
      attempts: (row) => row.attempts,
      queries: (row) => row.queries,
      created: (row) => row.createdAt,
      'waits for': (row) => (row.awaitsQuota === null ? null : `quota ${row.awaitsQuota}`),
      due: (row) => (row.endedAt === null && row.state !== 'stuck' ? row.dueAt : null),
    });
  },
});

const showCommand = command({
  name: 'show',
  summary: 'one call: input, outcome, every attempt with the wait before it',
  args: { id: argument('as `call list` shows it') },
  run: async (context, { id }) => {
    const { executor } = await context.database(sagaMigrations);
    const work = await readWork(executor, id);
    return result(work, () => fieldLines(work));
  },
});

const retryCommand = command({
  name: 'retry',
  summary: 'retry now what waits; call again what is stuck, although the call before may have taken effect',
  args: { ids: someArguments('as `call list` shows them') },
  flags: { reason: why('why: it is kept with the call'), ...asks },
  run: async (context, { ids, reason }) => {
    const database = await context.database(sagaMigrations);
    const works = [];
    for (const id of ids) works.push(await ownWork(database.executor, id));
    const stuck = works.filter(({ state }) => state === 'stuck').length;
    const question = stuck > 0 ? `Call again ${stuck} that may have taken effect already?` : undefined;
    return actOn(
      context,
      database,
      { did: 'retry', reason, question },
      ids.map((id) => ({
        named: { id },
        text: id,
        subject: id,
        act: (by) => actAndRecord(database, id, by),
      })),
    );
  },
});

/** Reads a call. Rejects with WORK_OF_SAGA for a call of a saga step: the saga's journal records who acted. */
async function ownWork(executor: Executor, id: string): Promise<WorkDetail> {
  const work = await readWork(executor, id);
  const { instance, step } = work;
  if (instance === null) return work;
  throw refused(
    'WORK_OF_SAGA',
    `${id} is of a step of a saga, whose journal records who acted: use \`converge saga retry ${shellWord(instance)} ${step ?? ''}\`, or \`converge saga resolve\``,
  );
}

/** Acts on a call, and records who did it and why where all acts of operators are listed. */
async function actAndRecord(database: Database, id: string, by: Operator, outcome?: Outcome): Promise<void> {
  const act = outcome === undefined ? 'call retry' : 'call resolve';
  const after = { outcome: outcome?.kind };
  await withTransaction(database, {}, async (tx) => {
    await actOnWork(tx, id, by, outcome);
    await recordAct(tx, { act, subject: id, ...by, after });
  });
}

const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of a call, from the records of the other side; the worker continues with it',
  args: { id: argument('as `call list` shows it') },
  flags: {
    succeeded: { ...outcomes.succeeded, conflicts: ['failed'] },
    failed: { ...outcomes.failed, conflicts: [] },
    reason: why('the evidence: it is kept with the call'),
    ...asks,
  },
  run: async (context, { id, succeeded, failed, reason }) => {
    const stated = outcomeOf(succeeded, failed, reason);
    const database = await context.database(sagaMigrations);
    const { call, state } = await ownWork(database.executor, id);
    const question = `Record ${stated.kind} as the outcome of ${call} ${id}, which is ${state}?`;
    return actOn(context, database, { did: 'resolve', outcome: stated.kind, reason, question }, [
      { named: { id, call }, text: id, subject: id, act: (by) => actAndRecord(database, id, by, stated) },
    ]);
  },
});

function outcomeOf(succeeded: string | undefined, failed: string | undefined, note: string): Outcome {
  const failure = { category: 'business', certainty: 'not_applied', message: note } as const;
  if (failed !== undefined) return { kind: 'failed', failure: { ...failure, code: failed } };
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  throw new UsageError('OUTCOME_MISSING', 'give the outcome: --succeeded <json>, or --failed <code>');
}

export const callCommands = [listCommand, showCommand, retryCommand, resolveCommand];
