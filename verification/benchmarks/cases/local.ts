import { freshDatabase } from '@convergekit/testing';
import type { Case, World } from '../case.ts';
import { type Consumed, consumeOnce } from '../consuming/consume-once.ts';
import { consumedText, rateOf, ratePlot, roundsTable, spreadOf } from '../consuming/rounds.ts';
import type { Way } from '../consuming/ways.ts';
import { placeOf } from '../measure/drain-once.ts';
import { rateBetween } from '../measure/growth.ts';
import { race } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import { ours } from '../sides/ours.ts';
import { dropDatabase } from '../sides/side.ts';

const ways = [
  { way: 'converge-batch', label: 'batch handler' },
  { way: 'converge-write', label: 'one-row handler' },
] as const satisfies readonly { way: Way; label: string }[];

/** The events per second that local mode is meant for. */
const AIM = 20_000;

/** The rates of local mode: outbox, log and consumer on one Postgres, relay and consumer in processes of their own. */
export const localCase: Case = {
  name: 'local',
  title: 'Local mode: from the outbox through relay and local log to the committed row',
  async run(world) {
    const { rounds } = world.settings;
    const series = await race<(typeof ways)[number], Consumed>({
      ...{ name: 'local', sides: ways, nameOf: ({ label }) => label, rounds, say: world.say },
      measure: ({ way }) => through(world, way),
      line: consumedText,
    });
    const drains: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      drains.push(await drained(world));
      world.say(`local, round ${round}: relay alone ${drains.at(-1)?.toFixed(0)} events/s`);
    }
    return {
      figures: [
        ...ways.map(({ label }) => ({
          name: `effects/s through relay and local log, ${label}`,
          ours: rateOf(series, label),
          rival: { value: AIM, unit: 'effects/s', who: 'the aim' },
          spread: spreadOf(series, label),
        })),
        {
          name: 'drain of a backlog to the local log, the relay alone',
          ours: { value: median(drains), unit: 'events/s' },
        },
      ],
      plots: [ratePlot(series, 'local', 'Effects per second through the local log')],
      rounds: roundsTable(series),
    };
  },
};

/** Relay and consumer at the same time, until every event has taken effect. */
async function through(world: World, way: Way): Promise<Consumed> {
  return withLog(world, async (brokers) => {
    const rows = world.settings.events;
    const source = await ours('kafkajs').open({ ...placeOf(world), brokers });
    try {
      await source.write(0, rows);
      const relay = source.start();
      const backlog = { topic: source.log.topic, rows, brokers, remove: () => source.remove() };
      const consumed = await consumeOnce(world, backlog, way, rows);
      relay.assertAlive();
      return consumed;
    } finally {
      await source.remove();
    }
  });
}

async function drained(world: World): Promise<number> {
  return withLog(world, async (brokers) => {
    const rows = world.settings.events;
    const side = ours('kafkajs');
    const source = await side.open({ ...placeOf(world), brokers });
    try {
      await source.write(0, rows);
      const relay = source.start();
      const { deadlineMs } = side;
      const samples = await source.log.watch(rows, { deadlineMs, look: () => relay.assertAlive() });
      return rateBetween(samples, rows * 0.2, rows * 0.99);
    } finally {
      await source.remove();
    }
  });
}

/** A log in a database of its own, dropped afterwards. */
async function withLog<T>({ stack, cleanup }: World, work: (url: string) => Promise<T>): Promise<T> {
  const url = await freshDatabase(stack.databaseUrl, 'bench_log');
  const dropped = cleanup.add(() => dropDatabase(stack.databaseUrl, url));
  try {
    return await work(url);
  } finally {
    await dropped();
  }
}
