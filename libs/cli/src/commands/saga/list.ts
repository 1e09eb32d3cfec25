import { sagaMigrations } from '@convergekit/saga';
import { INSTANCE_STATES, type InstanceView, listInstances } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { choices, count, text } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';
import { databases, namedDatabases } from '../../history/named-databases.ts';

/** Lists instances as observers in the named databases have them. */
export const listCommand = command({
  name: 'list',
  summary: 'instances as an observer in these databases has them, the latest change first',
  flags: {
    state: choices('state', INSTANCE_STATES, 'only instances in these states'),
    saga: text('name', 'only instances of this saga'),
    key: text('key', 'only instances with this key'),
    limit: count('instances', 'at most so many instances of each database', 50),
    ...databases,
  },
  run: async (context, { state, saga, key, limit, database }) => {
    const filter = {
      ...(state.length > 0 && { states: state }),
      ...(saga !== undefined && { saga }),
      ...(key !== undefined && { key }),
      limit,
    };
    const rows: InstanceView[] = [];
    for (const named of await namedDatabases(context, database, [sagaMigrations]))
      rows.push(...(await listInstances(named.database.executor, filter)));
    return listing(rows, 'no sagas', {
      instance: (row) => row.instance,
      saga: (row) => `${row.saga} v${row.version}`,
      key: (row) => row.key,
      state: (row) => row.state,
      started: (row) => row.startedAt,
      ended: (row) => row.endedAt,
      why: (row) => row.reason ?? '',
    });
  },
});
