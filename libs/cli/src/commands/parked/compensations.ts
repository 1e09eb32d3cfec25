import type { CommandContext } from '../../frame/context.ts';
import { type Named, readTried } from '@convergekit/operate';
import { namedDatabases } from '../../frame/named-databases.ts';

/** Failure events of one look-up. */
const PAGE = 500;

/** Says of each given-up event what another run of it contradicts, as far as DATABASE_URL and the named databases know. */
export async function contradictions(
  context: CommandContext,
  rows: readonly { readonly id: string; readonly failureEvent: string | null }[],
  urls: readonly string[],
): Promise<readonly string[]> {
  const given = rows.flatMap(({ id, failureEvent }) => (failureEvent === null ? [] : [{ id, failureEvent }]));
  if (given.length === 0) return [];
  const named = await namedDatabases(context, urls, []);
  const acted = await readCompensations(
    named,
    given.map(({ failureEvent }) => failureEvent),
  );
  const names = named.map(({ name }) => name).join(', ');
  return given.map(({ id, failureEvent }) => {
    const known =
      acted.get(failureEvent)?.join('; ') ??
      `no handler acted on it in ${names}; of other databases nothing is known here (--database names more)`;
    return `${id}: contradicts its failure event ${failureEvent}: ${known}`;
  });
}

/**
 * Reads which handlers acted on these failure events, in the databases that are given. A compensation always has an attempt on
 * record, as long as attempts are kept; of a service whose database is not given nothing is known.
 */
async function readCompensations(
  named: readonly Named[],
  failureEvents: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (let at = 0; at < failureEvents.length; at += PAGE)
    for (const { name, database } of named)
      for (const one of await readTried(database.executor, failureEvents.slice(at, at + PAGE)))
        if (one.kind === 'attempt' && one.outcome === 'applied')
          found.set(one.eventId, [
            ...(found.get(one.eventId) ?? []),
            `handler ${one.handler} of ${one.consumer} (${name}) acted on it at ${one.at}`,
          ]);
  return found;
}
