import type { CommandContext } from '../frame/context.ts';
import { readTried } from './attempt-sql.ts';
import { type Named, namedDatabases } from './named-databases.ts';

/** A handler that acted on a failure event. */
export interface Compensation {
  readonly failureEvent: string;
  readonly database: string;
  readonly consumer: string;
  readonly handler: string;
  readonly at: string;
}

/** Failure events of one look-up. */
const PAGE = 500;

/**
 * Reads which handlers acted on these failure events, in the databases that are given. A compensation always has an attempt on
 * record, as long as attempts are kept; of a service whose database is not given nothing is known.
 */
export async function readCompensations(
  named: readonly Named[],
  failureEvents: readonly string[],
): Promise<readonly Compensation[]> {
  const found: Compensation[] = [];
  for (let at = 0; at < failureEvents.length; at += PAGE)
    for (const { name, database } of named)
      for (const one of await readTried(database.executor, failureEvents.slice(at, at + PAGE)))
        if (one.kind === 'attempt' && one.outcome === 'applied')
          found.push({
            ...{ failureEvent: one.eventId, database: name, consumer: one.consumer },
            ...{ handler: one.handler, at: one.at },
          });
  return found;
}

/** Says of each given-up event what another run of it contradicts, as far as DATABASE_URL and the named databases know. */
export async function contradictions(
  context: CommandContext,
  rows: readonly { readonly id: string; readonly failureEvent: string | null }[],
  urls: readonly string[],
): Promise<readonly string[]> {
  const given = rows.flatMap(({ id, failureEvent }) => (failureEvent === null ? [] : [{ id, failureEvent }]));
  if (given.length === 0) return [];
  const opened = await namedDatabases(context, urls, []);
  const events = given.map(({ failureEvent }) => failureEvent);
  const names = opened.map(({ name }) => name);
  return contradictionLines(given, await readCompensations(opened, events), names);
}

interface Contradicted {
  readonly id: string;
  readonly failureEvent: string;
}

/** Says in a line for each event what another run of it would contradict, as far as these databases know (pure). */
export function contradictionLines(
  events: readonly Contradicted[],
  compensations: readonly Compensation[],
  databases: readonly string[],
): readonly string[] {
  const byEvent = Map.groupBy(compensations, ({ failureEvent }) => failureEvent);
  return events.map(({ id, failureEvent }) => {
    const acted = (byEvent.get(failureEvent) ?? []).map(
      ({ database, consumer, handler, at }) =>
        `handler ${handler} of ${consumer} (${database}) acted on it at ${at}`,
    );
    const known =
      acted.length > 0
        ? acted.join('; ')
        : `no handler acted on it in ${databases.join(', ')}; of other databases nothing is known here (--database names more)`;
    return `${id}: contradicts its failure event ${failureEvent}: ${known}`;
  });
}
