import { type Outcome, statedFailure } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { argument, asks, reason as why } from '../../frame/flags.ts';
import { actOn, outcomes } from '../journal/act.ts';
import { actAndRecord, ownWork } from './retry.ts';

export const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of a call, from the records of the other side; the worker continues with it',
  args: { id: argument('as `effects list` shows it') },
  flags: {
    succeeded: { ...outcomes.succeeded, conflicts: ['failed'] },
    failed: { ...outcomes.failed, conflicts: [] },
    reason: why('the evidence: it is kept with the intent'),
    ...asks,
  },
  run: async (context, { id, succeeded, failed, reason }) => {
    const stated = outcomeOf(succeeded, failed, reason);
    const database = await context.database(sagaMigrations);
    const { effect, state } = await ownWork(database.executor, id);
    const question = `Record ${stated.kind} as the outcome of ${effect} ${id}, which is ${state}?`;
    return actOn(context, { did: 'resolve', outcome: stated.kind, reason, question }, [
      { named: { id, effect }, text: id, act: (by) => actAndRecord(database, id, by, stated) },
    ]);
  },
});

function outcomeOf(succeeded: string | undefined, failed: string | undefined, note: string): Outcome {
  if (failed !== undefined) return { kind: 'failed', failure: statedFailure(failed, note) };
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  throw new UsageError('OUTCOME_MISSING', 'give the outcome: --succeeded <json>, or --failed <code>');
}
