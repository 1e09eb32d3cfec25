import type { Case } from '../case.ts';
import { type Entrant, RATE, ratePlot, raceThem, roundsTable } from '../consuming/rounds.ts';
import { compared } from '../measure/compare.ts';

const entrants = (['each', 'batch'] as const).map((handler) => {
  const rows = handler === 'each' ? 60_000 : 300_000;
  const entrant = (way: 'converge' | 'unsafe' | 'bare' | 'uuid', what: string, mostRows = rows): Entrant => ({
    way: `${way}-${handler}`,
    label: `${what}, ${handler === 'each' ? 'row by row' : 'in batches'}`,
    mostRows,
  });
  return {
    watermark: entrant('converge', 'watermark'),
    none: entrant('unsafe', 'no dedup'),
    byHand: [entrant('bare', 'by hand, no dedup'), entrant('uuid', 'by hand, UUID row per event', rows / 2)],
  };
});

/** The cost of deduplication: a watermark per partition, a row per event, or none and no promise. */
export const inboxCase: Case = {
  name: 'inbox',
  title: 'What deduplication costs a consumer',
  async run(world) {
    const all = entrants.flatMap(({ watermark, none, byHand }) => [watermark, none, ...byHand]);
    const series = await raceThem(world, 'inbox', all);
    const figures = entrants.flatMap(({ watermark: { label }, none, byHand }) => {
      const ours = { ours: label, spreadOf: label, ...RATE };
      const bar = { kind: 'at least', ratio: 0.9 } as const;
      return [
        compared(series, { name: `effects/s, ${label}`, bar, rival: none.label, ...ours }),
        ...byHand.map((rival) => compared(series, { name: 'the same', rival: rival.label, ...ours })),
      ];
    });
    return {
      figures,
      plots: [ratePlot(series, 'inbox', 'Effects per second by kind of deduplication')],
      rounds: roundsTable(series),
    };
  },
};
