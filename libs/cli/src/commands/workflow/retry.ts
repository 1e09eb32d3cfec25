import { sagaMigrations } from '@convergekit/effects';
import { retryWorkflow } from '@convergekit/workflow/operate';
import { command } from '../../frame/command.ts';
import { asks, reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { named } from './list.ts';

export const retryCommand = command({
  name: 'retry',
  summary: 'retry now what waits or is stuck',
  args: named,
  flags: { reason: why('why: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason }) => {
    const database = await context.database(sagaMigrations);
    await retryWorkflow(database, workflow, id, { actor: context.operator, note: reason });
    context.audit({ workflow, id, reason });
    return result({ workflow, id, retried: true }, () => [`${workflow} ${id}: due now`]);
  },
});
