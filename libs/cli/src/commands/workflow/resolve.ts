import { sagaMigrations } from '@convergekit/saga';
import { resolveWorkflow, type StatedResult, stuckStepOf } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { asks, reason as why, type Values } from '../../frame/flags.ts';
import { actOn, outcomes } from '../journal/act.ts';
import { named } from './list.ts';

export const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of the step that is stuck; the worker continues with it',
  args: named,
  flags: { ...outcomes, reason: why('the evidence: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason, ...flags }) => {
    const stated = statedOf(flags);
    const database = await context.database(sagaMigrations);
    const seen = await stuckStepOf(database.executor, workflow, id);
    const question = `Record ${stated.kind} as the outcome of ${seen.path}, which is stuck: ${seen.reason}?`;
    return actOn(context, { did: 'resolve', outcome: stated.kind, reason, question }, [
      {
        named: { workflow, id, step: seen.path },
        text: `${seen.path} of ${workflow} ${id}`,
        act: (by) => resolveWorkflow(database, workflow, id, stated, by, seen),
      },
    ]);
  },
});

function statedOf({ succeeded, failed, undone, effectStays }: Values<typeof outcomes>): StatedResult {
  if (effectStays) return { kind: 'effect_stays' };
  if (undone) return { kind: 'undone' };
  if (failed !== undefined) return { kind: 'failed', code: failed };
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  throw new UsageError(
    'OUTCOME_MISSING',
    'give the outcome: --succeeded <json>, --failed <code>, --undone, or --effect-stays',
  );
}
