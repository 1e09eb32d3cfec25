import { sagaMigrations } from '@convergekit/saga';
import { readWorkflow, verifyWorkflow } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { journalReport } from '../journal/report.ts';
import { named } from './list.ts';

export const verifyCommand = command({
  name: 'verify',
  summary: 'replay the journal and compare it with the state; exit code 1 when they differ',
  args: named,
  run: async (context, { workflow, id }) => {
    const { executor } = await context.database(sagaMigrations);
    const record = await readWorkflow(executor, workflow, id);
    const { findings } = verifyWorkflow(record);
    return journalReport(context.output, { journals: 1, rows: record.journal.length, findings });
  },
});
