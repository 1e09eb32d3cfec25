import { sagaMigrations } from '@convergekit/effects';
import { readWorkflow, verifyWorkflow } from '@convergekit/workflow/operate';
import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { named } from './list.ts';

export const verifyCommand = command({
  name: 'verify',
  summary: 'replay the journal and compare it with the state; exit code 1 when they differ',
  args: named,
  run: async (context, { workflow, id }) => {
    const { executor } = await context.database(sagaMigrations);
    const record = await readWorkflow(executor, workflow, id);
    const { issues, state, ...rest } = verifyWorkflow(record);
    const passed = issues.length === 0;
    const mark = context.output.mark(passed ? 'ok' : 'fail');
    return result(
      { workflow, id, passed, ...rest, issues, state },
      () =>
        passed
          ? [`${mark} ${workflow} ${id}: its ${record.entries} entries come to ${state}, as its row says`]
          : [
              `${mark} ${workflow} ${id}: journal and state differ`,
              ...issues.map((issue) => `     ${issue}`),
            ],
      passed,
    );
  },
});
