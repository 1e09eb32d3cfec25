import type { Case } from '../case.ts';
import {
  type Entrant,
  METHOD,
  rateOf,
  ratePlot,
  raceThem,
  roundsTable,
  spreadOf,
} from '../consuming/rounds.ts';
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
        ...note(series.failure(label) ?? series.failure(RIVAL.label)),
      },
      {
        name: `CPU of the process per effect, ${label}`,
        bar: { kind: 'report' },
        ours: { value: cpu(label), unit: 'µs', digits: 1 },
        rival: { value: cpu(RIVAL.label), unit: 'µs', digits: 1, who: RIVAL.label },
      },
    ]);
    return {
      figures,
      plots: [ratePlot(series, 'effects', 'Effects per second')],
      rounds: roundsTable(series),
      method: `${METHOD}

One-row handler: \`on\`, one \`insert\` per event, given to \`write\` (sent at once, in order, the answer is not awaited); the same with \`await\`. Batch handler: \`onBatch\`, one \`insert … select from unnest\` for all events of a slice. The rival
is a plain kafkajs consumer, all six partitions at once (\`partitionsConsumedConcurrently\`), that does per event what is usually recommended: begin,
insert the event's id into an inbox table, insert the row, commit; on a pool of six connections of \`pg\`, without a query builder.`,
    };
  },
};

function note(text: string | undefined): { note?: string } {
  return text === undefined ? {} : { note: text };
}
