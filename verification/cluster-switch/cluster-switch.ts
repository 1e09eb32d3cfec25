import { systemClock } from '@convergekit/core';
import type { ConsumerService } from '@convergekit/inbox';
import { readPartitions } from '@convergekit/inbox/operate';
import type { Database } from '@convergekit/postgres';
import type { Relay } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import type { Child } from '../benchmarks/measure/child.ts';
import {
  countEffects,
  countOutbox,
  type EffectCounts,
  isClean,
  judgeEffects,
  readOutbox,
} from '../drills/effects-sql.ts';
import { TOPIC } from '../drills/events.ts';
import { checkTheEnd, isComplete, Operator } from '../drills/operator.ts';
import type { Drill } from '../drills/program.ts';
import { haltedCodes, startConsumer, startRelay, untilApplied } from '../drills/services.ts';
import { Writers } from '../drills/writers.ts';
import { startMirror } from './mirror.ts';
import { buildWorld, type ConsumerName, CONSUMERS, type SwitchWorld } from './world.ts';

/** `planned`: the mirror is complete. `lost`: cluster A is killed, and the mirror lacks its end. */
export type SwitchKind = 'planned' | 'lost';

export interface SwitchReport {
  readonly kind: SwitchKind;
  readonly committed: number;
  /** Transactions of the writers that failed: they write on during the switch. */
  readonly refused: number;
  /** Events that cluster A had acknowledged and the mirror did not have. */
  readonly missingInMirror: number;
  /** Events that `consumers fill` brought from the outbox. */
  readonly filled: number;
  /** From the last publish on A to the first on B, in milliseconds. */
  readonly notPublishingMs: number;
  readonly effects: Readonly<Record<ConsumerName, EffectCounts>>;
}

export function passed({ effects, refused }: SwitchReport): boolean {
  return refused === 0 && Object.values(effects).every(isClean);
}

interface Running {
  readonly world: SwitchWorld;
  readonly writers: Writers;
  readonly operator: Operator;
  readonly relay: Relay;
  readonly services: Readonly<Record<ConsumerName, ConsumerService>>;
  readonly mirror: Child;
}

/** Moves a source and its consumers from one Kafka cluster to another one under load. */
export async function clusterSwitch(
  kind: SwitchKind,
  { rate, folder, ...drill }: Drill & { readonly rate: number; readonly folder: string },
): Promise<SwitchReport> {
  const { note, defer } = drill;
  const world = await buildWorld(folder, defer);
  const writers = new Writers(world.orders, rate);
  writers.start();
  defer(() => writers.stop());
  const relay = await startRelay(world.orders, world.a.broker, defer);
  const services = {
    stock: await startConsumer('stock', world.consumers.stock, world.a.broker, defer),
    mail: await startConsumer('mail', world.consumers.mail, world.a.broker, defer),
  };
  await untilApplied(world.consumers.mail, rate);
  const addresses = { from: world.a.server.address, to: world.b.server.address };
  const topics = [TOPIC, ...CONSUMERS.map((name) => `${name}.failures`)];
  const mirror = await startMirror({ ...addresses, topics, folder, note });
  defer(() => mirror.stop());
  await untilMirrored(world, mirror);
  note('the mirror is at work; `mail` stops, so that it is behind at the switch');
  await services.mail.stop();
  await moreEffects(world, rate);
  const running = { world, writers, operator: new Operator(note), relay, services, mirror };
  const missingInMirror = kind === 'planned' ? await leaveInOrder(running) : await loseCluster(running, rate);
  const leftAt = systemClock.monotonic();
  const { notPublishingMs, filled } = await continueOnB(running, leftAt, drill);
  await moreEffects(world, 2 * rate);
  if (kind === 'planned') await world.a.server.kill();
  await moreEffects(world, rate);
  await writers.stop();
  const committed = await countOutbox(world.orders.executor);
  for (const name of CONSUMERS) await untilApplied(world.consumers[name], committed);
  const sent = await readOutbox(world.orders.executor);
  const brokers = { KAFKA_BROKERS: world.b.server.address };
  await checkTheEnd(
    running.operator,
    { ...brokers, DATABASE_URL: world.ordersUrl },
    CONSUMERS.map((name) => ({ ...brokers, DATABASE_URL: world.consumerUrls[name] })),
  );
  return {
    kind,
    committed,
    refused: writers.refused,
    missingInMirror,
    filled,
    notPublishingMs,
    effects: {
      stock: await judgeEffects(world.consumers.stock.executor, sent),
      mail: await judgeEffects(world.consumers.mail.executor, sent),
    },
  };
}

/** Stops the relay and the consumers on A, and waits for the mirror. Returns 0: nothing is missing in it. */
async function leaveInOrder({ world, operator, relay, services, mirror }: Running): Promise<number> {
  await relay.stop();
  await services.stock.stop();
  const env = { DATABASE_URL: world.ordersUrl, KAFKA_BROKERS: world.b.server.address };
  await waitUntil(async () => isComplete(await operator.run(['source', 'show'], env)), {
    what: 'the mirror to have everything that was acknowledged',
  });
  await mirror.stop();
  return 0;
}

/** Ends the mirror, then cluster A, without a warning. Returns the number of events that only A had. */
async function loseCluster({ world, relay, services, mirror }: Running, rate: number): Promise<number> {
  await mirror.kill();
  const mirrored = await lengthOf(world, 'b');
  await moreEffects(world, rate);
  const missing = (await lengthOf(world, 'a')) - mirrored;
  await world.a.server.kill();
  await Promise.all([relay.stop(), services.stock.stop()]);
  return missing;
}

/** Starts everything on B, and gives the operator's commands. */
async function continueOnB(
  { world, operator }: Running,
  leftAt: number,
  { defer }: Drill,
): Promise<{ readonly notPublishingMs: number; readonly filled: number }> {
  const { broker, server } = world.b;
  const brokers = { KAFKA_BROKERS: server.address };
  const source = { ...brokers, DATABASE_URL: world.ordersUrl };
  const sending = await startRelay(world.orders, broker, defer);
  const reason = ['--reason', 'moved to cluster B', '--yes'];
  await operator.retry(['topics', 'accept', TOPIC, '--made-again', ...reason], source);
  await waitUntil(() => sending.status().published > 0, { what: 'the first event on B' });
  const notPublishingMs = Math.round(systemClock.monotonic() - leftAt);
  let filled = 0;
  for (const name of CONSUMERS) {
    const database = world.consumers[name];
    const service = await startConsumer(name, database, broker, defer);
    const env = { ...brokers, DATABASE_URL: world.consumerUrls[name], SOURCE_DATABASE_URL: world.ordersUrl };
    await waitUntil(() => haltedCodes(service).includes('topic_recreated'), {
      what: `${name} to find the new cluster`,
    });
    await operator.run(['consumers', 'resume', name, '--from', 'earliest', ...reason], env);
    const wanted = await countOutbox(world.orders.executor);
    await waitUntil(
      async () => {
        if (await isAtGap(database, name)) {
          filled += filledIn(await operator.run(['consumers', 'fill', name, '--yes'], env));
          await operator.run(['consumers', 'resume', name, '--reason', 'filled'], env);
        }
        return (await countEffects(database.executor)) >= wanted;
      },
      { what: `${name} to catch up on B`, everyMs: 100 },
    );
  }
  return { notPublishingMs, filled };
}

/** Asks the database: a member notices a resume only within a second. */
async function isAtGap({ executor }: Pick<Database, 'executor'>, name: string): Promise<boolean> {
  return (await readPartitions(executor, name)).some(({ halted }) => halted?.code === 'gap');
}

function filledIn(printed: string): number {
  const found = JSON.parse(printed) as readonly { readonly events: number }[];
  return found.reduce((sum, { events }) => sum + events, 0);
}

async function untilMirrored(world: SwitchWorld, mirror: Child): Promise<void> {
  const wanted = await lengthOf(world, 'a');
  await waitUntil(
    async () => {
      mirror.assertAlive();
      return (await lengthOf(world, 'b')) >= wanted;
    },
    { what: `${wanted} records in the mirror`, deadlineMs: 180_000, everyMs: 250 },
  );
}

async function lengthOf(world: SwitchWorld, cluster: 'a' | 'b'): Promise<number> {
  const admin = await world[cluster].broker.admin();
  const ends = await admin.logEnds(TOPIC);
  await admin.close();
  return ends.reduce((sum, { earliest, latest }) => sum + Number(latest - earliest), 0);
}

async function moreEffects({ consumers: { stock } }: SwitchWorld, more: number): Promise<void> {
  await untilApplied(stock, (await countEffects(stock.executor)) + more);
}
