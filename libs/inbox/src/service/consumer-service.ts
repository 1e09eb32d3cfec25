import type { Admin } from '@convergekit/broker';
import { loopService } from '@convergekit/core/engine';
import { sqlState, writeCounters } from '@convergekit/postgres/engine';
import { logger } from '@convergekit/telemetry';
import type { Service } from '@convergekit/core';
import type { Checks } from '@convergekit/config';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { InboxError } from '../errors.ts';
import { drainService } from '../park/drain-service.ts';
import { serverVersion } from '../slice/open-slice-sql.ts';
import { notMigrated } from '../slice/fault.ts';
import { pruneForeign, removeEnded } from './retention.ts';
import type { SliceContext } from '../slice/context.ts';
import { sliceContextOf } from './slice-context.ts';
import { GroupMember } from '../member/group-member.ts';
import { type ConsumerServiceOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { describeTopics, register } from '../member/register.ts';
import { Sources } from '../member/sources.ts';
import type { ConsumerStatus } from '../member/status.ts';

export interface ConsumerService extends Service {
  /** Returns the state of each consumer's partitions. */
  status(): readonly ConsumerStatus[];
  /** Returns the readiness of each consumer for /readyz: it is in its group. */
  ready(): Checks;
  /** Returns the liveness of each consumer for /livez: a partition that is behind moves, or has a reason. */
  live(): Checks;
}

/**
 * The consumers of one database as a service. Nothing is connected before `start`.
 * @example
 * ```ts
 * import { consumerService, runServices } from 'convergekit/process';
 * import { broker, database, payments } from './shop.ts';
 *
 * await runServices([consumerService([payments], { database, broker })]);
 * ```
 */
export function consumerService<DB>(
  consumers: readonly ConsumerDefinition<DB>[],
  options: ConsumerServiceOptions<DB>,
): ConsumerService {
  refuseSameNames(consumers);
  const resolved = resolveOptions(options);
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined);
  let members: readonly GroupMember<DB>[] = [];
  let drains: readonly Service[] = [];
  let admin: Admin | undefined;
  let stopping: Promise<void> | undefined;

  const ending = new AbortController();
  let removing: Promise<void> = Promise.resolve();

  const stopAll = async (): Promise<void> => {
    ending.abort();
    await Promise.all([...[...members, ...drains].map((part) => part.stop()), removing]);
    await admin?.close();
    ended.resolve(undefined);
  };
  // The stop of a member ends its start, which may wait for its group for ever.
  const stop = (): Promise<void> => {
    ending.abort();
    return (stopping ??= opening
      .catch(() => undefined)
      .then(stopAll)
      .finally(() => starting.catch(() => undefined)));
  };
  let opening: Promise<unknown> = Promise.resolve();
  let starting: Promise<void> = Promise.resolve();

  const start = async (): Promise<void> => {
    try {
      const opened = await (opening = prepare(consumers, resolved, ending.signal));
      ({ admin, members, drains } = opened);
      removing = removeEnded(resolved, ending.signal);
      // A stop does not wait for a broker that is down.
      void pruneForeign(resolved, admin, ending.signal);
      for (const part of [...members, ...drains]) {
        if (ending.signal.aborted) return;
        await part.start();
        part.done.catch((error: unknown) => {
          ended.reject(error);
          void stop().catch(() => undefined);
        });
      }
      for (const { context, ids } of opened.elsewhere) await warnOfMembers(admin, context, ids);
    } catch (error) {
      await stopAll().catch(() => undefined);
      throw error;
    }
  };
  return {
    name: `consumers ${consumers.map(({ name }) => name).join(', ')}`,
    start: () => (starting = start()),
    stop,
    done: ended.promise,
    status: () => members.map((member) => member.status()),
    ready: () => checksOf(members, (member) => member.ready()),
    live: () => checksOf(members, (member) => member.live()),
  };
}

/** Registers the consumers, and makes their members and drains. */
async function prepare<DB>(
  consumers: readonly ConsumerDefinition<DB>[],
  options: ResolvedOptions<DB>,
  ending: AbortSignal,
) {
  const { broker, database } = options;
  await database.ping();
  const version = await serverVersion(database.executor);
  const admin = await broker.admin();
  try {
    const topics = await describeTopics(admin, consumers);
    const members: GroupMember<DB>[] = [];
    const drains: Service[] = [];
    const elsewhere: Elsewhere<DB>[] = [];
    for (const consumer of consumers) {
      // The parts are checked first: a version that is refused must not register its types.
      await consumer.parts[0]?.check(consumer.parts, consumer.name, database.executor);
      for (const call of consumer.requestable) await call.check(consumer.name, database.executor);
      const ids = await register(consumer, topics, admin, options, ending).catch((error: unknown) => {
        throw ['42P01', '3F000'].includes(sqlState(error) ?? '') ? notMigrated(error) : error;
      });
      const context = sliceContextOf(consumer, options, version, admin);
      if (ids.length > 0) elsewhere.push({ context, ids });
      const sources = new Sources(database.executor, consumer, context);
      await sources.load();
      members.push(new GroupMember(context, sources, admin, broker, options));
      drains.push(drainService(context));
    }
    drains.push(countService(members, options));
    return { admin, members, drains, elsewhere };
  } catch (error) {
    await admin.close();
    throw error;
  }
}

/** Writes what the members count, for the charts of the console. */
function countService<DB>(
  members: readonly GroupMember<DB>[],
  { database: { executor }, clock, random }: ResolvedOptions<DB>,
): Service {
  const take = () => members.map((member) => member.takeCounts());
  const onError = (error: unknown): void =>
    logger('inbox').debug({ err: error }, 'the counts for the charts could not be written');
  const run = (signal: AbortSignal) => writeCounters({ executor, take, clock, random, signal, onError });
  return loopService({ name: 'counts', run });
}

/** A consumer that is new in its database, and the members that its group had before. */
interface Elsewhere<DB> {
  readonly context: SliceContext<DB>;
  readonly ids: readonly string[];
}

/** Warns of members that are still there behind the join of this process: those of a consumer that moved have left or ended. */
async function warnOfMembers<DB>(
  admin: Admin,
  { definition: { name }, log }: SliceContext<DB>,
  before: readonly string[],
): Promise<void> {
  const now = await admin.members(name).catch(() => []);
  const members = now.filter(({ id }) => before.includes(id)).length;
  if (members === 0) return;
  log.warn(
    { members },
    `consumer ${name} is new in this database, and its group has members that keep their places in another database: each event is handled in one of the two alone. If this one replaces those, stop them; else give one of them a name of its own, or both the same database`,
  );
}

function refuseSameNames<DB>(consumers: readonly ConsumerDefinition<DB>[]): void {
  const empty = consumers.find(({ subscriptions }) => subscriptions.length === 0);
  if (consumers.length === 0 || empty !== undefined)
    throw new InboxError(
      'CONSUMER_INVALID',
      `${empty?.name ?? 'consumerService'} has nothing to handle: add .on(event, handler)`,
    );
  const names = consumers.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new InboxError(
      'CONSUMER_INVALID',
      `two consumers are named ${twice}: they would be one group with two codes; rename one`,
    );
}

/** The answers of members, by their names. */
function checksOf<DB>(
  members: readonly GroupMember<DB>[],
  ask: (member: GroupMember<DB>) => Checks[string],
): Checks {
  return Object.fromEntries(members.map((member) => [member.name, ask(member)]));
}
