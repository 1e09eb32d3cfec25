import { sagaMigrations } from '@convergekit/saga';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { refused } from '../../frame/errors.ts';
import { argument, toggle } from '../../frame/flags.ts';
import { result, tableOf } from '../../frame/result.ts';
import { databases, type Named, namedDatabases } from '../../history/named-databases.ts';
import type { Narrative } from './narrative/narrative.ts';
import { readNarrative } from './narrative/read-narrative.ts';

export const instanceArgument = argument('the id of the event that started it');

export const wholeOutbox = {
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
export async function narrativeOf(
  context: CommandContext,
  instance: string,
  urls: readonly string[],
  whole: boolean,
): Promise<Narrative> {
  const named = await namedDatabases(context, urls, [sagaMigrations]);
  const narrative = await readNarrative(named, instance, { whole });
  if (narrative.entries.length === 0) throw unknownInstance(instance, named);
  return narrative;
}

export function unknownInstance(instance: string, named: readonly Named[]) {
  const names = named.map(({ name }) => name).join(', ');
  return refused(
    'SAGA_NOT_FOUND',
    `saga ${instance} is not known in ${names}: no step of it ran there and no observer saw it. Check the id (of the event that started it: \`converge saga list\`), and name the databases of the other services with --database`,
  );
}
