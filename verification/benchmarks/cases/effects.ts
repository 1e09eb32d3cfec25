import type { Case } from '../case.ts';
import { CPU, type Entrant, RATE, ratePlot, raceThem, roundsTable } from '../consuming/rounds.ts';
import { compared } from '../measure/compare.ts';
import type { Figure } from '../report/figure.ts';

const RIVAL: Entrant = { way: 'kafkajs-each-message', label: 'kafkajs eachMessage', mostRows: 40_000 };
const ours: readonly (Entrant & { readonly times?: number })[] = [
  { way: 'converge-write', label: 'one-row handler', mostRows: 200_000, times: 5 },
  { way: 'converge-each', label: 'one-row handler that awaits each insert', mostRows: 60_000 },
  { way: 'converge-batch', label: 'batch handler', mostRows: 400_000, times: 20 },
];

/** The time from the record in the topic to the committed row. */
export const effectsCase: Case = {
  name: 'effects',
  title: 'Effects per second, from the topic to the committed row',
  async run(world) {
    const series = await raceThem(world, 'effects', [...ours, RIVAL]);
    const figures = ours.flatMap(({ label, times }): Figure[] => {
      const sides = { ours: label, rival: RIVAL.label };
      const bar = times === undefined ? undefined : ({ kind: 'at least', ratio: times } as const);
      return [
        compared(series, { name: `effects/s, ${label}`, bar, ...sides, ...RATE, spreadOf: label }),
        compared(series, { name: `CPU of the process per effect, ${label}`, ...sides, ...CPU }),
      ];
    });
    return {
      figures,
      plots: [ratePlot(series, 'effects', 'Effects per second')],
      rounds: roundsTable(series),
    };
  },
};
