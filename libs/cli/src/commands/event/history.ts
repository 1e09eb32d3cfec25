import { command } from '../../frame/command.ts';
import { refused } from '@convergekit/operate/errors';
import { argument, count, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { type Named, readHistory, renderHistory } from '@convergekit/operate';
import { databases, namedDatabases } from '../../frame/named-databases.ts';

/** Shows what happened to one event and why, from every database that is named. Changes nothing. */
export const historyCommand = command({
  name: 'history',
  aliases: ['story'],
  summary: 'what happened to an event and why: emitted, attempts, waits, parked, dead letter, compensated',
  args: { id: argument("the event's id (ce_id)") },
  flags: {
    ...databases,
    within: count('minutes', 'how long after it outboxes are searched for answers', 10),
    whole: toggle('search the whole of every outbox'),
  },
  run: async (context, { id, database, within, whole }) => {
    const named = await namedDatabases(context, database, []);
    const history = await readHistory(named, id, {
      minutes: within,
      whole,
      onWhole: () =>
        context.output.progress('neither its id nor any attempt says when it was: reading the whole outbox'),
    });
    if (history.entries.length === 0) throw unknown(id, named);
    return result(history, () => renderHistory(history));
  },
});

function unknown(id: string, named: readonly Named[]) {
  const names = named.map(({ name }) => name).join(', ');
  return refused(
    'EVENT_UNKNOWN',
    `event ${id} is not known in ${names}: neither emitted, tried, parked nor recorded there. Check the id (ce_id of the record, or \`converge outbox list\`); name the databases of the other services with --database; an event that was applied at once is known only while its outbox row is retained (CONVERGE__RELAY__RETAIN_MS)`,
  );
}
