import type { Case } from '../case.ts';
import { consumeOnce } from '../consuming/consume-once.ts';
import { releaseOnce, withLine } from '../consuming/release-once.ts';
import { consumedText, CPU, RATE, ratePlot, roundsTable } from '../consuming/rounds.ts';
import { compared } from '../measure/compare.ts';
import { race } from '../measure/series.ts';

/** As many events as are parked of one key without their bytes. */
const LINE = 100_000;
const PLAIN = 'applied as they come';
const RELEASED = 'parked, then released';

/** The speed at which a line of parked events is applied, once its first event does not fail any more. */
export const parkedLineCase: Case = {
  name: 'parked-line',
  title: 'The release of a long line of parked events',
  async run(world) {
    const { settings, say } = world;
    const series = await withLine(
      world,
      Math.min(settings.events, settings.quick ? LINE / 5 : LINE),
      (line) =>
        race({
          allMustHold: true,
          name: 'parked-line',
          sides: [PLAIN, RELEASED],
          nameOf: (name) => name,
          say,
          rounds: settings.rounds,
          measure: (name) =>
            name === RELEASED ? releaseOnce(world, line) : consumeOnce(world, line, 'converge-failing'),
          line: consumedText,
        }),
    );
    const sides = { ours: RELEASED, rival: PLAIN, spreadOf: PLAIN };
    return {
      figures: [
        compared(series, {
          name: 'effects/s of one key’s line',
          bar: { kind: 'at least', ratio: 0.25 },
          ...sides,
          ...RATE,
        }),
        compared(series, {
          name: 'CPU of the consumer per event',
          bar: { kind: 'report' },
          ...sides,
          ...CPU,
        }),
      ],
      plots: [ratePlot(series, 'parked-line', 'Effects per second of the events of one key')],
      rounds: roundsTable(series),
    };
  },
};
