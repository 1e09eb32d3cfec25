import { sagaMigrations } from '@convergekit/effects';
import { forgetStep } from '@convergekit/workflow/operate';
import { command } from '../../frame/command.ts';
import { asks, reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { named } from './list.ts';

export const forgetCommand = command({
  name: 'forget',
  summary: 'leave the effect that cannot be undone; what was done before it is undone',
  args: named,
  flags: { reason: why('why the effect may stay: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason }) => {
    const database = await context.database(sagaMigrations);
    await context.confirm(`Leave the effect of the stuck step of ${workflow} ${id} as it is, for ever?`);
    await forgetStep(database, workflow, id, { actor: context.operator, note: reason });
    context.audit({ workflow, id, reason });
    return result({ workflow, id, forgotten: true }, () => [
      `${workflow} ${id}: its effect stays; what was done before it is undone`,
    ]);
  },
});
