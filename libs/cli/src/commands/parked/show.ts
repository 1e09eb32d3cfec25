import { inboxMigrations } from '@convergekit/inbox';
import { requireParked } from '@convergekit/operate/parked';
import { command } from '../../frame/command.ts';
import { fieldLines } from '../../frame/fields.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

export const showCommand = command({
  name: 'show',
  summary: 'one event: headers, payload, every attempt, what operators did',
  args: { id: argument('as `parked groups` shows it') },
  run: async (context, { id }) => {
    const database = await context.database(inboxMigrations);
    const one = { name: database.target.database, database, executor: database.executor };
    const { event } = await requireParked({ databases: [one] }, id);
    const { payload, edited, headers, ...rest } = event;
    const shown = {
      ...rest,
      headers: JSON.parse(headers) as unknown,
      payload: payload?.toString('utf8') ?? null,
      ...(edited === null ? {} : { edited: edited.toString('utf8') }),
    };
    return result(shown, () => fieldLines(shown));
  },
});
