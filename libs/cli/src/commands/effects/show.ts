import { readWork } from '@convergekit/saga/operate';
import { sagaMigrations } from '@convergekit/saga';
import { command } from '../../frame/command.ts';
import { fieldLines } from '../../frame/fields.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

export const showCommand = command({
  name: 'show',
  summary: 'one intent: input, outcome, every attempt with the wait before it',
  args: { id: argument('as `effects list` shows it') },
  run: async (context, { id }) => {
    const { executor } = await context.database(sagaMigrations);
    const work = await readWork(executor, id);
    return result(work, () => fieldLines(work));
  },
});
