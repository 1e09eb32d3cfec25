import type { Case } from '../case.ts';
import { type Entrant, rateOf, ratePlot, raceThem, roundsTable, spreadOf } from '../consuming/rounds.ts';
import { median } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';

const RIVAL: Entrant = { way: 'kafkajs-each-message', label: 'kafkajs eachMessage', mostRows: 40_000 };
const ours = [
  { way: 'converge-write', label: 'one-row handler', mostRows: 200_000, times: 5 },
  {
    way: 'converge-each',
    label: 'one-row handler that awaits each insert',
    mostRows: 60_000,
    times: undefined,
  },
  { way: 'converge-batch', label: 'batch handler', mostRows: 400_000, times: 20 },
] as const satisfies readonly (Entrant & { times: number | undefined })[];

/** The time from the record in the topic to the committed row. */
export const effectsCase: Case = {
  name: 'effects',
  title: 'Effects per second, from the topic to the committed row',
  async run(world) {
    const series = await raceThem(world, 'effects', [...ours, RIVAL]);
    const cpu = (label: string): number =>
      median(series.of(label).map(({ cpuMicrosPerEvent }) => cpuMicrosPerEvent));
    const figures = ours.flatMap(({ label, times }): Figure[] => [
      {
        name: `effects/s, ${label}`,
        bar: times === undefined ? { kind: 'report' } : { kind: 'at least', ratio: times },
        ours: rateOf(series, label),
        rival: { ...rateOf(series, RIVAL.label), who: RIVAL.label },
        spread: spreadOf(series, label),
        note: series.failure(label) ?? series.failure(RIVAL.label),
      },
      {
        name: `CPU of the process per effect, ${label}`,
        ours: { value: cpu(label), unit: 'µs', digits: 1 },
        rival: { value: cpu(RIVAL.label), unit: 'µs', digits: 1, who: RIVAL.label },
      },
    ]);
    return {
      figures,
      plots: [ratePlot(series, 'effects', 'Effects per second')],
      rounds: roundsTable(series),
    };
  },
};
