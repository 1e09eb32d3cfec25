import type { Case } from '../case.ts';
import { type Entrant, rateOf, ratePlot, raceThem, roundsTable, spreadOf } from '../consuming/rounds.ts';
import type { Figure } from '../report/figure.ts';

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
    byHand: entrant('bare', 'by hand, no dedup'),
    uuid: entrant('uuid', 'by hand, UUID row per event', rows / 2),
  };
});

/** The cost of deduplication: a watermark per partition, a row per event, or none and no promise. */
export const inboxCase: Case = {
  name: 'inbox',
  title: 'What deduplication costs a consumer',
  async run(world) {
    const series = await raceThem(
      world,
      'inbox',
      entrants.flatMap(({ watermark, none, byHand, uuid }) => [watermark, none, byHand, uuid]),
    );
    const figures = entrants.flatMap(({ watermark, none, byHand, uuid }): Figure[] => {
      const note = [watermark, none, byHand, uuid]
        .map(({ label }) => series.failure(label))
        .find((why) => why !== undefined);
      const ours = rateOf(series, watermark.label);
      const spread = spreadOf(series, watermark.label);
      const against = ({ label }: Entrant): Figure['rival'] => ({ ...rateOf(series, label), who: label });
      return [
        {
          name: `effects/s, ${watermark.label}`,
          bar: { kind: 'at least', ratio: 0.9 },
          ours,
          rival: against(none),
          spread,
          note,
        },
        ...[byHand, uuid].map((rival): Figure => ({
          name: `the same`,
          ours,
          rival: against(rival),
          spread,
          note,
        })),
      ];
    });
    return {
      figures,
      plots: [ratePlot(series, 'inbox', 'Effects per second by kind of deduplication')],
      rounds: roundsTable(series),
    };
  },
};
