import { type Outcome, resolveWork } from '@convergekit/effects/operate';
import { sagaMigrations } from '@convergekit/effects';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { argument, asks, json, reason as why, text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { ownWork } from './retry.ts';

export const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of a call, from the records of the other side; the worker continues with it',
  args: { id: argument('as `effects list` shows it') },
  flags: {
    succeeded: json('it took effect, with this result', { conflicts: ['failed'] }),
    failed: text('code', 'it certainly took no effect, for this reason'),
    reason: why('the evidence: it is kept with the intent'),
    ...asks,
  },
  run: async (context, { id, succeeded, failed, reason }) => {
    const outcome = outcomeOf(succeeded, failed, reason);
    const { executor } = await context.database(sagaMigrations);
    const { effect, state } = await ownWork(executor, id);
    await context.confirm(`Record ${outcome.kind} as the outcome of ${effect} ${id}, which is ${state}?`);
    await resolveWork(executor, id, outcome, context.operator, reason);
    context.audit({ id, effect, outcome: outcome.kind, reason });
    return result({ resolved: id, outcome: outcome.kind }, () => [
      `${id}: ${outcome.kind}; the saga worker continues with it`,
    ]);
  },
});

function outcomeOf(succeeded: string | undefined, failed: string | undefined, message: string): Outcome {
  if (failed !== undefined)
    return {
      kind: 'failed',
      failure: { category: 'business', certainty: 'not_applied', code: failed, message },
    };
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  throw new UsageError('OUTCOME_MISSING', 'give the outcome: --succeeded <json>, or --failed <code>');
}
