import { sagaMigrations } from '@convergekit/saga';
import { INSTANCE_STATES, type InstanceView, listInstances, verifyJournals } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { argument, states, count, optionalArgument, text, toggle } from '../../frame/flags.ts';
import { listing, result, tableOf } from '../../frame/result.ts';
import { type Narrative, readNarrative, renderNarrative } from '@convergekit/operate';
import { databases, namedDatabases } from '../../frame/named-databases.ts';
import type { CommandContext } from '../../frame/context.ts';
import { unknownInstance } from '@convergekit/operate/saga';
import { journalReport } from '../journal/report.ts';

/** Lists instances as observers in the named databases have them. */
export const listCommand = command({
  name: 'list',
  summary: 'instances as an observer in these databases has them, the latest change first',
  flags: {
    state: states(INSTANCE_STATES, 'only instances in these states'),
    saga: text('name', 'only instances of this saga'),
    key: text('key', 'only instances with this key'),
    limit: count('instances', 'at most so many instances of each database', 50),
    ...databases,
  },
  run: async (context, { state, saga, key, limit, database }) => {
    const filter = { states: state.length === 0 ? undefined : state, saga, key, limit };
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

const instanceArgument = argument('the id of the event that started it');

const wholeOutbox = {
  whole: toggle('search the whole of every outbox, and not only around the moments of the saga'),
};

/** Shows an instance: the state, the steps, and the fences. */
export const showCommand = command({
  name: 'show',
  summary: 'one instance: its state, and the state of each step',
  args: { instance: instanceArgument },
  flags: { ...databases, ...wholeOutbox },
  run: async (context, { instance, database, whole }) => {
    const { entries, waiting, ...stands } = await narrativeOf(context, instance, database, whole);
    const work = entries.filter((entry) => entry.kind === 'work');
    const parked = entries.filter((entry) => entry.kind === 'parked');
    return result({ ...stands, work, parked, waiting }, () => {
      const { steps, saga = 'unknown', state = 'not observed', reason = '' } = stands;
      return [
        `saga ${saga}, instance ${instance}: ${state}${reason === '' ? '' : `, ${reason}`}`,
        '',
        ...tableOf(steps, 'no steps have begun', {
          step: (row) => row.step,
          by: (row) => row.consumer,
          state: (row) => row.state,
          'stuck since': (row) => row.stuckSince,
          why: (row) => row.reason ?? row.reasonCode ?? '',
        }),
      ];
    });
  },
});

/** Reads the narrative of an instance. Rejects with SAGA_NOT_FOUND where no database knows it. */
async function narrativeOf(
  context: CommandContext,
  instance: string,
  urls: readonly string[],
  whole: boolean,
): Promise<Narrative> {
  const named = await namedDatabases(context, urls, [sagaMigrations]);
  const narrative = await readNarrative(named, instance, { whole });
  if (narrative.entries.length === 0 && narrative.steps.length === 0) throw unknownInstance(instance, named);
  return narrative;
}

export const narrativeCommand = command({
  name: 'narrative',
  summary: 'the history of one instance: what each step did and why, waits, parks, compensations, operators',
  args: { instance: instanceArgument },
  flags: { ...databases, ...wholeOutbox },
  run: async (context, { instance, database, whole }) => {
    const narrative = await narrativeOf(context, instance, database, whole);
    return result(narrative, () => renderNarrative(narrative));
  },
});

/**
 * Compares sagas and workflows with their journals, and finds compensations without a cause.
 */
export const verifyCommand = command({
  name: 'verify',
  summary:
    'compare sagas and workflows with their journals, and find compensations without a cause; exit code 1 when something is wrong',
  args: { instance: optionalArgument('only this one: the instance of a saga, or the id of a workflow') },
  flags: databases,
  run: async (context, { instance, database }) => {
    const named = await namedDatabases(context, database, [sagaMigrations]);
    const executors = named.map((one) => one.database.executor);
    const checked = await verifyJournals(executors, instance);
    if (instance !== undefined && checked.journals === 0) throw unknownInstance(instance, named);
    return journalReport(context.output, checked);
  },
});
