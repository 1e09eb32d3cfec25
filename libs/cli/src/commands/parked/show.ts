import { inboxMigrations } from '@convergekit/inbox';
import { readParked } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { fieldLines } from '../../frame/fields.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

export const showCommand = command({
  name: 'show',
  summary: 'one event: headers, payload, every attempt, what operators did',
  args: { id: argument('as `parked list --events` shows it') },
  run: async (context, { id }) => {
    const { executor } = await context.database(inboxMigrations);
    const found = await readParked(executor, id);
    if (found === undefined) throw parkedGone(id);
    const { payload, edited, headers, ...rest } = found;
    const shown = {
      ...rest,
      headers: JSON.parse(headers) as unknown,
      payload: payload?.toString('utf8') ?? null,
      ...(edited === null ? {} : { edited: edited.toString('utf8') }),
    };
    return result(shown, () => fieldLines(shown));
  },
});

export const parkedGone = (id: string) =>
  refused(
    'PARKED_GONE',
    `there is no parked event ${id} in this database: it was applied meanwhile, or it is of another consumer's database; \`converge parked list --events\` shows what is parked`,
  );
