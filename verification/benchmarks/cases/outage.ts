import { systemClock } from '@convergekit/core';
import type { Case, CaseResult, World } from '../case.ts';
import { type Drained, measureDrain, withSource } from '../measure/drain-once.ts';
import { reachedAt } from '../measure/growth.ts';
import { median } from '../measure/statistics.ts';
import { count, table } from '../report/markdown.ts';

type Kafka = NonNullable<World['stack']['kafka']>;

interface Round {
  readonly plain: Drained;
  readonly after: Drained;
  /** The time from the broker's return to the first record, in milliseconds. */
  readonly firstMs: number;
}

/** Does the relay come back at full speed when the broker does? */
export const outageCase: Case = {
  name: 'outage',
  title: 'Drain after an outage of the broker',
  async run(world) {
    const { kafka } = world.stack;
    if (kafka === undefined)
      throw new Error('the broker was given (KAFKA_BROKERS), so it cannot be stopped: run without it');
    const rounds: Round[] = [];
    for (let round = 1; round <= Math.min(2, world.settings.rounds); round += 1) {
      const plain = await plainDrain(world, kafka);
      const { drained: after, firstMs } = await drainAfterOutage(world, kafka);
      rounds.push({ plain, after, firstMs });
      world.say(
        `outage, round ${round}: plain ${plain.eventsPerSecond.toFixed(0)} events/s, after the outage ${after.eventsPerSecond.toFixed(0)} events/s, first record ${firstMs.toFixed(0)} ms after the broker`,
      );
    }
    return resultOf(world.settings, rounds);
  },
};

/** Drains after a fresh start of the broker: its JVM is as cold as after the outage. */
function plainDrain(world: World, kafka: Kafka): Promise<Drained> {
  const [ours] = world.sides.ours;
  const rows = world.settings.events;
  return withSource(world, ours, async (source) => {
    await source.write(0, rows);
    await kafka.restart();
    return measureDrain(ours, source, source.start(), { rows });
  });
}

/** The relay runs; the broker goes; the rows are written meanwhile. */
function drainAfterOutage(world: World, kafka: Kafka): Promise<{ drained: Drained; firstMs: number }> {
  const [ours] = world.sides.ours;
  const rows = world.settings.events;
  return withSource(world, ours, async (source) => {
    const relay = source.start();
    await source.write(0, 1);
    await source.log.watch(1, { deadlineMs: 30_000 });
    try {
      await kafka.stop();
      const backMs = systemClock.monotonic() + world.settings.outageSeconds * 1000;
      await source.write(1, rows);
      await systemClock.sleep(Math.max(0, backMs - systemClock.monotonic()));
    } finally {
      await kafka.start();
    }
    const startedMs = systemClock.monotonic();
    const drained = await measureDrain(ours, source, relay, { rows });
    return { drained, firstMs: Math.max(0, reachedAt(drained.samples, 2) - startedMs) };
  });
}

function resultOf({ outageSeconds }: World['settings'], rounds: readonly Round[]): CaseResult {
  const rate = (which: 'plain' | 'after'): number =>
    median(rounds.map((round) => round[which].eventsPerSecond));
  const rows = rounds.map(({ plain, after, firstMs }, index) => [
    String(index + 1),
    count(plain.eventsPerSecond),
    count(after.eventsPerSecond),
    firstMs.toFixed(0),
    after.peakMiB.toFixed(0),
  ]);
  return {
    figures: [
      {
        name: `drain after a broker outage of ${outageSeconds} s / plain drain`,
        bar: { kind: 'at least', ratio: 0.8 },
        ours: { value: rate('after'), unit: 'events/s' },
        rival: { value: rate('plain'), unit: 'events/s', who: 'plain' },
      },
    ],
    rounds: table(
      [
        'round',
        'plain, events/s',
        'after the outage, events/s',
        'first record after the broker, ms',
        'peak MiB',
      ],
      rows,
    ),
  };
}
