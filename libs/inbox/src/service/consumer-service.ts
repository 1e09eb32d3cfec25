import { failureEvent } from '@convergekit/contracts';
import type { Admin } from '@convergekit/kafka';
import { createOutbox } from '@convergekit/outbox';
import { sqlState } from '@convergekit/postgres';
import type { Policy } from '@convergekit/resilience';
import type { Service } from '@convergekit/core';
import type { Checks } from '@convergekit/config';
import { logger } from '@convergekit/telemetry';
import { type ConsumerDefinition, policyName } from '../define/define-consumer.ts';
import { checkParts } from '../define/part.ts';
import { router } from '../define/routes.ts';
import { signaturesOf } from '../plan/signatures.ts';
import { defaultSize } from '../slice/slice-limit.ts';
import { InboxError } from '../errors.ts';
import { measure, compose, timeLimit } from '../attempt/middleware.ts';
import { trace } from '../attempt/spans.ts';
import { DrainService } from '../park/drain-service.ts';
import { Parking } from '../park/parking.ts';
import { serverVersion } from '../slice/session-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import { notMigrated } from '../slice/fault.ts';
import { forgetOld, turnForeign } from './retention.ts';
import { GroupMember } from '../member/group-member.ts';
import { type ConsumerServiceOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { readOne } from './read-one.ts';
import { describeTopics, register } from '../member/register.ts';
import { Sources } from '../member/sources.ts';
import type { ConsumerStatus } from '../member/status.ts';

export interface ConsumerService extends Service {
  status(): readonly ConsumerStatus[];
  /**
   * For /livez, by consumer: a partition that is behind moves, or says why it does not (`stalledAfterMs`). What waits for
   * others, a broker, a database or an operator, is alive.
   */
  live(): Checks;
}

/** The consumers of one database as a service. Nothing is connected before `start`. */
export function consumerService<DB>(
  consumers: readonly ConsumerDefinition<DB>[],
  options: ConsumerServiceOptions<DB>,
): ConsumerService {
  refuseSameNames(consumers);
  const resolved = resolveOptions(options);
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined);
  let members: readonly GroupMember<DB>[] = [];
  let drains: readonly DrainService<DB>[] = [];
  let admin: Admin | undefined;
  let stopping: Promise<void> | undefined;

  const forgetting = new AbortController();
  let forgotten: Promise<void> = Promise.resolve();

  const stopAll = async (): Promise<void> => {
    forgetting.abort();
    await Promise.all([...[...members, ...drains].map((part) => part.stop()), forgotten]);
    await admin?.close();
    ended.resolve(undefined);
  };
  const stop = (): Promise<void> => (stopping ??= starting.catch(() => undefined).then(stopAll));
  let starting: Promise<void> = Promise.resolve();

  const start = async (): Promise<void> => {
    try {
      const opened = await prepare(consumers, resolved);
      ({ admin, members, drains } = opened);
      forgotten = forgetOld(resolved, forgetting.signal);
      // A stop does not wait for a broker that is away.
      void turnForeign(resolved, admin, forgetting.signal);
      for (const part of [...members, ...drains]) {
        await part.start();
        part.done.catch((error: unknown) => {
          ended.reject(error);
          void stop().catch(() => undefined);
        });
      }
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
    live: () => Object.fromEntries(members.map((member) => [member.name, member.live()])),
  };
}

interface Opened<DB> {
  readonly admin: Admin;
  readonly members: readonly GroupMember<DB>[];
  readonly drains: readonly DrainService<DB>[];
}

async function prepare<DB>(
  consumers: readonly ConsumerDefinition<DB>[],
  options: ResolvedOptions<DB>,
): Promise<Opened<DB>> {
  const { broker, database } = options;
  await database.ping();
  const version = await serverVersion(database.executor);
  const admin = await broker.admin();
  try {
    const topics = await describeTopics(admin, consumers);
    const members: GroupMember<DB>[] = [];
    const drains: DrainService<DB>[] = [];
    for (const consumer of consumers) {
      // First of all: a version that is refused must not have said that it handles types.
      await checkParts(consumer.parts, { consumer: consumer.name }, database.executor);
      await register(consumer, topics, admin, options).catch((error: unknown) => {
        throw ['42P01', '3F000'].includes(sqlState(error) ?? '') ? notMigrated(error) : error;
      });
      const context = contextOf(consumer, options, version, admin);
      const sources = new Sources(database.executor, consumer, context.log);
      await sources.load();
      members.push(new GroupMember(context, sources, admin, broker, options));
      drains.push(new DrainService(context));
    }
    return { admin, members, drains };
  } catch (error) {
    await admin.close();
    throw error;
  }
}

function contextOf<DB>(
  definition: ConsumerDefinition<DB>,
  options: ResolvedOptions<DB>,
  serverVersion: number,
  admin: Admin,
): SliceContext<DB> {
  const { database, clock, random, policies, parking, graceMs, lockTimeoutMs } = options;
  const { sliceMs, sliceSize = defaultSize(definition.subscriptions) } = options;
  const names = new Map(
    definition.subscriptions.map(({ handler }) => [handler, policyName(definition.name, handler)]),
  );
  // Asked for each call. An event that an older version parked may name a handler that is not here.
  const policyOf = (handler: string): Policy =>
    policies.for(names.get(handler) ?? policyName(definition.name, handler));
  const limitMs = (handler: string): number => policyOf(handler).attemptTimeoutMs;
  const sliceMaxMs = 5 * sliceMs;
  const middleware = [
    trace<DB>(),
    measure<DB>(clock),
    timeLimit<DB>({ limitMs, graceMs, clock }),
    ...options.middleware,
  ];
  return {
    definition,
    failureEvent: failureEvent(definition.name),
    database,
    // Handlers' events carry ids of their own, so the outbox asks for no declaration.
    outbox: createOutbox([], { clock, random }),
    route: router(definition),
    readLog: (place) => readOne(admin, place),
    signatures: options.signatures && signaturesOf(options.signatures),
    call: compose(middleware, ({ subscription, events, context }) => subscription.call(events, context)),
    limits: () => {
      const longest = Math.max(...definition.subscriptions.map(({ handler }) => limitMs(handler)));
      const handlerMs = Math.min(Math.ceil(longest) + graceMs + marginMs, MOST_MS);
      const transactionMs = Math.min(sliceMaxMs + handlerMs + marginMs, MOST_MS);
      return { idleMs: handlerMs, statementMs: handlerMs, lockMs: lockTimeoutMs, transactionMs };
    },
    serverVersion,
    policyOf,
    parking: new Parking(parking, clock),
    bounds: { sliceMs, sliceSize },
    sliceMaxMs,
    clock,
    random,
    log: logger('inbox', { consumer: definition.name }),
  };
}

/** So that our own limits always act before the server's, which end the connection. */
const marginMs = 1_000;

/** The longest that Postgres takes for a timeout. */
const MOST_MS = 2_147_483_647;

function refuseSameNames<DB>(consumers: readonly ConsumerDefinition<DB>[]): void {
  const empty = consumers.find(({ subscriptions }) => subscriptions.length === 0);
  if (consumers.length === 0 || empty !== undefined)
    throw new InboxError(
      'CONSUMER_INVALID',
      `${empty?.name ?? 'consumerService'} has nothing to handle: add .on(event, handler)`,
    );
  if (new Set(consumers.map(({ name }) => name)).size < consumers.length)
    throw new InboxError(
      'CONSUMER_INVALID',
      'two consumers have one name: they would be one group with two codes; rename one',
    );
}
