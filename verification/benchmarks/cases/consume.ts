import { fileURLToPath } from 'node:url';
import type { Case, World } from '../case.ts';
import { type Backlog, makeBacklog } from '../consuming/backlog.ts';
import { type Measured, measureInProcess } from '../measure/in-process.ts';
import { Series } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { drivers } from '../sides/ours.ts';
import { inTurn } from './drain.ts';

const PROGRAM = fileURLToPath(new URL('../consuming/raw-program.ts', import.meta.url));
const RIVAL = 'kafkajs eachBatch';

/** The ceiling of every consumer: records as the relay writes them, read and dropped. */
export const consumeCase: Case = {
  name: 'consume',
  title: 'Raw consume',
  async run(world) {
    const backlog = await makeBacklog(world, world.settings.events);
    const series = new Series<Measured>();
    const readers = [...drivers(), RIVAL];
    try {
      for (let round = 1; round <= world.settings.rounds; round += 1)
        for (const reader of inTurn(readers, round)) {
          const got = await series.round(reader, () => measure(world, backlog, reader));
          world.say(
            got === undefined
              ? `consume, round ${round}: ${reader} failed: ${series.failure(reader) ?? ''}`
              : `consume, round ${round}: ${reader} ${got.perSecond.toFixed(0)} records/s, ${got.cpuMicros.toFixed(2)} µs each`,
          );
        }
    } finally {
      await backlog.remove();
    }
    return { figures: figuresOf(series), plots: [], rounds: roundsOf(series, readers), method: METHOD };
  },
};

function measure(world: World, backlog: Backlog, reader: string): Promise<Measured> {
  const client = reader === RIVAL ? 'eachBatch' : reader;
  return measureInProcess(world, PROGRAM, [client, world.stack.brokers, backlog.topic, String(backlog.rows)]);
}

function figuresOf(series: Series<Measured>): readonly Figure[] {
  const rate = (reader: string) => ({
    value: median(series.of(reader).map(({ perSecond }) => perSecond)),
    unit: 'records/s',
  });
  return drivers().map((driver): Figure => {
    const cpu = median(series.of(driver).map(({ cpuMicros }) => cpuMicros));
    return {
      name: `raw consume, driver ${driver}`,
      bar: { kind: 'report' },
      ours: rate(driver),
      rival: { ...rate(RIVAL), who: RIVAL },
      note: series.failure(driver) ?? `${cpu.toFixed(2)} µs of CPU each`,
    };
  });
}

function roundsOf(series: Series<Measured>, readers: readonly string[]): string {
  const rows = readers.flatMap((reader) =>
    series
      .of(reader)
      .map(({ perSecond, cpuMicros }, index) => [
        reader,
        String(index + 1),
        Math.round(perSecond).toLocaleString('en-US'),
        cpuMicros.toFixed(2),
      ]),
  );
  return table(['reader', 'round', 'records/s', 'CPU µs each'], rows);
}

const METHOD = `The records of a drained backlog, with all their headers (about 750 B each in the log), read by a group of one from the first to the last, six
partitions at once, each measurement a process of its own; the first fifth warms up. Records are decoded as far as each client decodes them
(key, value and headers as bytes) and dropped.`;
