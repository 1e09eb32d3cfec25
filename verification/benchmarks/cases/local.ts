import { freshDatabase } from '@convergekit/testing';
import type { Case, World } from '../case.ts';
import { type Consumed, consumeOnce } from '../consuming/consume-once.ts';
import { consumedText, RATE, ratePlot, roundsTable } from '../consuming/rounds.ts';
import type { Way } from '../consuming/ways.ts';
import { compared } from '../measure/compare.ts';
import { withSource } from '../measure/drain-once.ts';
import { rateBetween } from '../measure/growth.ts';
import { race } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import { ours } from '../sides/ours.ts';
import { dropDatabase, type Source } from '../sides/side.ts';

const ways = [
  { way: 'converge-batch', label: 'batch handler' },
  { way: 'converge-write', label: 'one-row handler' },
] as const satisfies readonly { way: Way; label: string }[];

/** The events per second that local mode is meant for. */
const AIM = { value: 20_000, unit: 'effects/s', who: 'the aim' };
const side = ours('kafkajs');

/** The rates of local mode: outbox, log and consumer on one Postgres, relay and consumer in processes of their own. */
export const localCase: Case = {
  name: 'local',
  title: 'Local mode: from the outbox through relay and local log to the committed row',
  async run(world) {
    const { rounds, events } = world.settings;
    const series = await race<(typeof ways)[number], Consumed>({
      name: 'local',
      sides: ways,
      nameOf: ({ label }) => label,
      rounds,
      say: world.say,
      // Relay and consumer at the same time, until every event has taken effect.
      measure: ({ way }) =>
        withBacklog(world, async ({ log: { topic }, start }, brokers) => {
          const relay = start();
          const consumed = await consumeOnce(world, { topic, rows: events, brokers }, way);
          relay.assertAlive();
          return consumed;
        }),
      line: consumedText,
    });
    const drains: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      drains.push(await withBacklog(world, (source) => drained(source, events)));
      world.say(`local, round ${round}: relay alone ${drains.at(-1)?.toFixed(0)} events/s`);
    }
    return {
      figures: [
        ...ways.map(({ label }) => {
          const name = `effects/s through relay and local log, ${label}`;
          return { ...compared(series, { name, ours: label, ...RATE, spreadOf: label }), rival: AIM };
        }),
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

async function drained({ log, start }: Source, rows: number): Promise<number> {
  const relay = start();
  const look = (): void => relay.assertAlive();
  const samples = await log.watch(rows, { deadlineMs: side.deadlineMs, look });
  return rateBetween(samples, rows * 0.2, rows * 0.99);
}

/** Writes a backlog for a log in a database of its own, which is dropped afterwards. */
async function withBacklog<T>(
  world: World,
  work: (source: Source, brokers: string) => Promise<T>,
): Promise<T> {
  const { stack, cleanup, folder, settings } = world;
  const brokers = await freshDatabase(stack.databaseUrl, 'bench_log');
  const dropped = cleanup.add(() => dropDatabase(stack.databaseUrl, brokers));
  const place = { cleanup, folder, stack: { databaseUrl: stack.databaseUrl, brokers } };
  try {
    return await withSource(place, side, async (source) => {
      await source.write(0, settings.events);
      return work(source, brokers);
    });
  } finally {
    await dropped();
  }
}
