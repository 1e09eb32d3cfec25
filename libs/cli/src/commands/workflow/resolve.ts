import { sagaMigrations } from '@convergekit/effects';
import { type Resolution, resolveWorkflow } from '@convergekit/workflow/operate';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { asks, json, reason as why, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { named } from './list.ts';

export const resolveCommand = command({
  name: 'resolve',
  summary: 'record the outcome of the step that is stuck',
  args: named,
  flags: {
    undone: toggle('its effect is undone', { conflicts: ['applied', 'notApplied'] }),
    notApplied: toggle('it never took effect', { conflicts: ['applied'] }),
    applied: json('it took effect, with this result'),
    reason: why('the evidence: it is kept in the journal'),
    ...asks,
  },
  run: async (context, { workflow, id, undone, notApplied, applied, reason }) => {
    const resolution = resolutionOf(undone, notApplied, applied);
    const database = await context.database(sagaMigrations);
    await context.confirm(`Record ${resolution.kind} for the stuck step of ${workflow} ${id}?`);
    await resolveWorkflow(database, workflow, id, resolution, { actor: context.operator, note: reason });
    context.audit({ workflow, id, resolution: resolution.kind, reason });
    return result({ workflow, id, resolved: resolution.kind }, () => [
      `${workflow} ${id}: ${resolution.kind}; the worker continues from there`,
    ]);
  },
});

function resolutionOf(undone: boolean, notApplied: boolean, applied: string | undefined): Resolution {
  if (undone) return { kind: 'undone' };
  if (notApplied) return { kind: 'not_applied' };
  if (applied !== undefined) return { kind: 'applied', result: applied };
  throw new UsageError('OUTCOME_MISSING', 'give the outcome: --undone, --not-applied, or --applied <json>');
}
