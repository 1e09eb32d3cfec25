import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DriverName } from '@convergekit/kafka';
import type { Case, CaseResult, World } from '../case.ts';
import { type Measured, measureInProcess } from '../measure/in-process.ts';
import { Series } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import { openTopic } from '../measure/topic-log.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { drivers } from '../sides/ours.ts';
import { inTurn } from './drain.ts';

const PROGRAM = fileURLToPath(new URL('../drivers.ts', import.meta.url));
const PARTITIONS = 8;

interface Raw {
  readonly produce: Measured;
  readonly consume: Measured;
}

/** The rate of the drivers without a database: the ceiling of everything above them. */
export const rawCase: Case = {
  name: 'raw',
  title: 'Raw produce and consume of the drivers',
  async run(world) {
    const series = new Series<Raw>();
    const records = Math.ceil(world.settings.events / 4_000) * 4_000;
    for (let round = 1; round <= Math.min(3, world.settings.rounds); round += 1)
      for (const driver of inTurn(drivers(), round)) {
        const raw = await series.round(driver, () => measure(world, driver, records));
        world.say(
          raw === undefined
            ? `raw, round ${round}: ${driver} failed: ${series.failure(driver) ?? ''}`
            : `raw, round ${round}: ${driver} produces ${raw.produce.perSecond.toFixed(0)} and consumes ${raw.consume.perSecond.toFixed(0)} records/s`,
        );
      }
    return resultOf(series, records);
  },
};

async function measure(world: World, driver: DriverName, records: number): Promise<Raw> {
  const { stack, cleanup } = world;
  cleanup.throwIfClosed();
  const log = await openTopic(stack.brokers, `bench-raw-${randomBytes(4).toString('hex')}`, PARTITIONS);
  const removed = cleanup.add(async () => {
    await log.remove().finally(() => log.close());
  });
  try {
    const produce = await measureInProcess(world, PROGRAM, ['produce', String(records), driver, log.topic]);
    const consume = await measureInProcess(world, PROGRAM, ['consume', String(records), driver, log.topic]);
    return { produce, consume };
  } finally {
    await removed();
  }
}

function resultOf(series: Series<Raw>, records: number): CaseResult {
  const figures = (['produce', 'consume'] as const).flatMap((what) =>
    drivers().map((driver): Figure => {
      const failure = series.failure(driver);
      const cpu = median(series.of(driver).map((raw) => raw[what].cpuMicros));
      return {
        name: `raw ${what}, ${driver}`,
        bar: { kind: 'report' },
        ours: { value: median(series.of(driver).map((raw) => raw[what].perSecond)), unit: 'records/s' },
        rival: undefined,
        note: failure ?? `${cpu.toFixed(2)} µs of CPU each`,
      };
    }),
  );
  const text = ({ perSecond, cpuMicros }: Measured): string[] => [
    Math.round(perSecond).toLocaleString('en-US'),
    cpuMicros.toFixed(2),
  ];
  const rows = drivers().flatMap((driver) =>
    series
      .of(driver)
      .map((raw, index) => [driver, String(index + 1), ...text(raw.produce), ...text(raw.consume)]),
  );
  return {
    figures,
    plots: [],
    rounds: table(['driver', 'round', 'produced/s', 'CPU µs each', 'consumed/s', 'CPU µs each'], rows),
    method: `${records.toLocaleString('en-US')} records of 300 B over ${PARTITIONS} partitions through the broker port, each measurement a process of its own: batches of 500, sealed before
the clock starts, produced with acks=-1; then consumed by a group of one.`,
  };
}
