import type { Database } from '@convergekit/postgres';
import type { Effect } from '../checker/effects.ts';
import type { LogRecord } from '../checker/facts.ts';
import { checkListed } from '../checker/log-claims.ts';
import type { Shape } from '../checker/sagas/facts.ts';
import { type Environment, listEvents, readProgress, sourceState } from './operator.ts';
import { countSagas, judgeSagas, readSagas } from './sagas.ts';
import type { Log } from './servers.ts';
import type { Look } from './types.ts';

/** Services with one saga: their databases, topics, and the environment of commands on each database. */
export interface Services {
  readonly names: readonly string[];
  readonly databases: Readonly<Record<string, Pick<Database, 'executor'>>>;
  envOf(name: never): Environment;
  readonly topics: readonly string[];
  readonly log: Pick<Log, 'read'>;
  readonly shape: Shape;
  /** The service whose database has an observer of the saga. */
  readonly observedIn: string;
}

/** Something open: how many, and what. */
export type Count = readonly [count: number, what: string];

const envOf = (services: Services, name: string): Environment => services.envOf(name as never);

/** Counts what is open in the services, in commands of their databases. `own`: by the number of stuck sagas. */
export async function lookAtServices(
  services: Services,
  own: (stuck: number) => Promise<readonly Count[]>,
): Promise<Look> {
  const observed = envOf(services, services.observedIn);
  const counts: Count[] = [...(await own(await countSagas(observed, 'stuck')))];
  counts.push([
    await countSagas(observed, 'running', 'compensating'),
    `sagas ${services.shape.name} are open`,
  ]);
  let read = 0;
  for (const name of services.names) {
    const { backlog } = await sourceState(envOf(services, name));
    const progress = await readProgress(envOf(services, name));
    counts.push([backlog, `events of ${name} are not published`]);
    counts.push([progress.unread, `records are not read by ${name} yet`]);
    read += progress.read;
  }
  const open = counts.filter(([count]) => count > 0);
  return { waitingFor: open[0]?.join(' '), open: open.reduce((sum, [count]) => sum + count, 0), read };
}

/** Reads what topics, outboxes, handlers and narratives of the services show. */
export async function readServices(services: Services, signal: AbortSignal) {
  const log: LogRecord[] = [];
  // The log is read first: its events must be in an outbox that is read later.
  await services.log.read(services.topics, (record) => void log.push(record), signal);
  const listed = services.names.map(async (source) => {
    return (await listEvents(envOf(services, source))).map((event) => ({ ...event, source }));
  });
  const events = (await Promise.all(listed)).flat();
  const databases = services.names.flatMap((name) => services.databases[name] ?? []);
  const effects = (await Promise.all(databases.map(readEffects))).flat();
  const envs = services.names.map((name) => envOf(services, name));
  const rows = await readSagas(services.shape, envs, events);
  const sagas = judgeSagas(services.shape, rows, events, effects);
  return { events, log, verdict: checkListed(events, log), effects, rows, sagas };
}

/** Reads the effects that the handlers of a service recorded in their transactions. */
export async function readEffects({ executor }: Pick<Database, 'executor'>): Promise<readonly Effect[]> {
  const { rows } = await executor.query<Effect & { atMs: string }>(
    `select consumer, act, event_id::text as "eventId", event_type as type, extract(epoch from at) * 1000 as "atMs"
       from effect order by id`,
  );
  return rows.map((row) => ({ ...row, atMs: Number(row.atMs) }));
}
