import { roundsPlot, sharesPlot } from '../../report/plots.ts';
import type { Plot } from '../../report/svg.ts';
import type { SagaSide } from '../sides/side.ts';
import { cpuMs, type Reader, type Rounds, valuesOf } from './figures.ts';

/** The plots: rates and CPU time at saturation, and the distribution of latencies at 50/s. */
export function sagaPlots(sides: readonly SagaSide[], rounds: Rounds): readonly Plot[] {
  const measured = sides.filter(({ name }) => rounds.of(name).length > 0);
  const one = measured.filter(({ kafka, layout }) => !kafka && layout === 'A');
  const more = measured.filter((side) => !one.includes(side));
  const bars = (name: string, title: string, unit: string, read: Reader): Plot =>
    roundsPlot(
      { name: `sagas-${name}`, title, unit },
      measured.map(({ name: label }) => ({ label, values: valuesOf(rounds, label, 'with128', read) })),
    );
  return [
    bars('rates', 'Sagas per second with 128 at once', '/s', ({ perSecond }) => perSecond),
    bars('cpu', 'CPU per saga of all processes, 128 at once', 'ms', cpuMs),
    latencies(more, rounds, 'latency', 'on Kafka, and the rivals in layout B'),
    latencies(one, rounds, 'latency-one-process', 'in one process, without Kafka'),
  ];
}

function latencies(sides: readonly SagaSide[], rounds: Rounds, name: string, which: string): Plot {
  const title = `Start to end of a saga at 50/s, ${which}`;
  return sharesPlot(
    {
      name: `sagas-${name}`,
      title,
      what: `${title}: share of sagas that have ended`,
      xLabel: 'milliseconds after the intended start',
    },
    sides.map(({ name: label }) => ({
      label,
      values: rounds.of(label).flatMap(({ phases }) => phases.at50.latencies),
    })),
  );
}
