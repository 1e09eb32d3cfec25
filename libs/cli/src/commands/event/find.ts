import { hasTables } from '@convergekit/postgres/engine';
import { migrationsMissing } from '@convergekit/postgres/operate';
import { findEvents, type NamedDatabase } from '@convergekit/operate';
import { allDatabases } from '../../frame/all-databases.ts';
import { command } from '../../frame/command.ts';
import { argument } from '../../frame/flags.ts';
import { databases } from '../../frame/named-databases.ts';
import { listing } from '../../frame/result.ts';

/** Finds events in every database of the settings. Changes nothing. */
export const findCommand = command({
  name: 'find',
  summary:
    'events by a value: of a field that their definition names in `search`, a key, an id, a trace or a position; in DATABASE_URL and all CONVERGE__DATABASES__<NAME>',
  args: { value: argument('the value of a field, a key, an event id, a trace id or a position') },
  flags: databases,
  run: async (context, { value, database: urls }) => {
    const opened = await allDatabases(context, { urls });
    const kept: NamedDatabase[] = [];
    for (const one of opened) if (await hasTables(one.executor, 'converge.outbox')) kept.push(one);
    if (kept.length === 0) throw migrationsMissing([]);
    const found = await Promise.all(
      kept.map(async ({ name, executor }) => {
        const rows = await findEvents(executor, value);
        return rows.map((row) => ({ database: name, ...row }));
      }),
    );
    const rows = found.flat().toSorted((a, b) => b.at.getTime() - a.at.getTime());
    return listing(
      rows,
      'no event has this value in a field to search by, nor as key, id, trace or position',
      {
        database: (event) => event.database,
        written: ({ at }) => at,
        state: ({ published }) => (published ? 'published' : 'pending'),
        topic: ({ topic }) => topic,
        key: ({ key }) => key,
        type: ({ type }) => type,
        id: ({ eventId }) => eventId,
      },
    );
  },
});
