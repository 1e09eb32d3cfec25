import { reasonOf } from '../../programs.ts';
import type { Case, CaseResult, World } from '../case.ts';
import { type Drained, drainOnce, measureDrain, withSource } from '../measure/drain-once.ts';
import { ratesOfParts } from '../measure/growth.ts';
import type { Figure } from '../report/figure.ts';
import { count, table } from '../report/markdown.ts';
import { linePlot, type Plot } from '../report/svg.ts';
import { withClient } from '../sides/side.ts';

const PARTS = 10;

/** A backlog of 10 M rows, and a smaller one under a held snapshot: rate and memory must stay constant. */
export const deepCase: Case = {
  name: 'deep',
  title: 'A deep backlog, and a held snapshot',
  async run(world) {
    const [ours] = world.sides.ours;
    const { deepEvents } = world.settings;
    world.say(`deep: writing ${count(deepEvents)} rows`);
    const deep = await drainOnce(world, ours, { rows: deepEvents, deadlineMs: 900_000, by: 'sql' });
    world.say(`deep: ${deep.eventsPerSecond.toFixed(0)} events/s, ${deep.peakMiB.toFixed(0)} MiB`);
    const heldRows = Math.max(100_000, Math.round(deepEvents / 5));
    const held = await underHeldSnapshot(world, heldRows).catch(reasonOf);
    return resultOf(deep, held, await debeziumPeak(world));
  },
};

/** A session holds a snapshot from before the rows until after the drain, so that nothing can be vacuumed. */
function underHeldSnapshot(world: World, rows: number): Promise<Drained> {
  const [ours] = world.sides.ours;
  return withSource(world, ours, (source) =>
    withClient(source.databaseUrl, async (client) => {
      await client.query('begin isolation level repeatable read');
      await client.query('select count(*) from converge.outbox');
      await source.write(0, rows, 'sql');
      return measureDrain(ours, source, source.start(), { rows, deadlineMs: 600_000 });
    }),
  );
}

/** Measures Debezium's peak memory when the drain case, which also measures it, did not run. */
async function debeziumPeak(world: World): Promise<number | string> {
  if (world.learnt.debeziumPeakMiB !== undefined) return world.learnt.debeziumPeakMiB;
  const [side] = world.sides.debezium;
  if (side === undefined) return world.sides.absent ?? '';
  try {
    return (await drainOnce(world, side, { rows: world.settings.events })).peakMiB;
  } catch (error) {
    return reasonOf(error);
  }
}

function resultOf(deep: Drained, held: Drained | string, debezium: number | string): CaseResult {
  const rates = ratesOfParts(deep.samples, deep.rows, PARTS);
  const heldRates = typeof held === 'string' ? [] : ratesOfParts(held.samples, held.rows, PARTS);
  const rows = rates.map((rate, index) => [
    String(index + 1),
    count(rate),
    residentAt(deep, (index + 1) / PARTS).toFixed(0),
    typeof held === 'string' ? '–' : count(heldRates[index] ?? Number.NaN),
  ]);
  return {
    figures: [
      ...memoryFigures(deep, debezium),
      compared(`drain in the last tenth of ${millions(deep)} / in the second`, rates),
      typeof held === 'string'
        ? { ...compared('drain under a held snapshot, last tenth / second', []), note: held }
        : compared(`drain of ${millions(held)} under a held snapshot, last tenth / second`, heldRates),
    ],
    plots: [plotOf(deep, held)],
    rounds: table(['tenth', 'events/s', 'resident MiB at its end', 'events/s under a held snapshot'], rows),
  };
}

function memoryFigures(deep: Drained, debezium: number | string): Figure[] {
  return [
    {
      name: `most resident memory, backlog of ${millions(deep)}`,
      bar: { kind: 'at most', ratio: 0.25 },
      ours: { value: deep.peakMiB, unit: 'MiB' },
      rival:
        typeof debezium === 'string'
          ? undefined
          : { value: debezium, unit: 'MiB', who: 'Debezium, its own backlog' },
      note: typeof debezium === 'string' ? debezium : undefined,
    },
    {
      name: 'resident memory at the end of it / after its first quarter',
      ours: { value: residentAt(deep, 1), unit: 'MiB' },
      rival: { value: residentAt(deep, 0.25), unit: 'MiB', who: 'after a quarter' },
    },
  ];
}

function plotOf(deep: Drained, held: Drained | string): Plot {
  const points = (drained: Drained, parts: number) =>
    ratesOfParts(drained.samples, drained.rows, parts).map(
      (rate, index) => [(((index + 0.5) / parts) * drained.rows) / 1e6, rate] as const,
    );
  const series = [
    { label: deep.side, points: points(deep, 40) },
    ...(typeof held === 'string' ? [] : [{ label: 'under a held snapshot', points: points(held, 20) }]),
  ];
  const title = `Rate on the way through ${millions(deep)}`;
  return {
    name: 'deep',
    title,
    svg: linePlot({ title, xLabel: 'million events sent', yLabel: 'events/s', series }),
  };
}

function millions({ rows }: Drained): string {
  return `${(rows / 1e6).toLocaleString('en-US')} M rows`;
}

/** The first tenth holds the start-up; the second one is the start of the drain. */
function compared(name: string, rates: readonly number[]): Figure {
  return {
    name,
    bar: { kind: 'at least', ratio: 0.9 },
    ours: { value: rates.at(-1) ?? Number.NaN, unit: 'events/s' },
    rival: { value: rates[1] ?? Number.NaN, unit: 'events/s', who: 'second tenth' },
  };
}

function residentAt({ memory, rows }: Drained, share: number): number {
  return memory.find(({ count }) => count >= rows * share)?.residentMiB ?? Number.NaN;
}
