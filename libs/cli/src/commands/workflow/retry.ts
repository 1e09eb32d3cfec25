import { sagaMigrations } from '@convergekit/saga';
import { retryWorkflow } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { asks, reason as why } from '../../frame/flags.ts';
import { actOn } from '../journal/act.ts';
import { named } from './list.ts';

export const retryCommand = command({
  name: 'retry',
  summary: 'retry now what waits or is stuck',
  args: named,
  flags: { reason: why('why: it is kept in the journal'), ...asks },
  run: async (context, { workflow, id, reason }) => {
    const database = await context.database(sagaMigrations);
    // It needs no confirmation: a call of unknown outcome is queried, and not repeated.
    return actOn(context, { did: 'retry', reason }, [
      {
        named: { workflow, id },
        text: `${workflow} ${id}`,
        act: (by) => retryWorkflow(database, workflow, id, by),
      },
    ]);
  },
});
