import type { Case, CaseResult, World } from '../case.ts';
import { openSite } from '../consuming/consume-once.ts';
import { SUSPECT } from '../consuming/converge.ts';
import { type EffectsSeen, watchEffects } from '../consuming/effects-seen.ts';
import { placeOf } from '../measure/drain-once.ts';
import { writeAtRate } from '../measure/load.ts';
import { Series } from '../measure/series.ts';
import { median, quantile, spread } from '../measure/statistics.ts';
import { table } from '../report/markdown.ts';
import { cumulative, linePlot } from '../report/svg.ts';
import type { Source } from '../sides/side.ts';

const RATE = 500;
const KEYS = 1000;
/** The length of a round's last part, in milliseconds: a parked key is retried after 16 s at the latest. */
const RECOVERY_MS = 60_000;

const WITHOUT = 'no key fails';
const WITH = 'one key fails';

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly sample: readonly number[];
  /** Events of the suspect key; all were applied, in order. */
  readonly suspects: number;
}

/** The effect of a key that always fails on all other keys. */
export const failingKeyCase: Case = {
  name: 'failing-key',
  title: 'One key that always fails',
  async run(world) {
    const source = await world.sides.ours[0].open(placeOf(world));
    try {
      const site = await openSite(world, source.log.topic, 'converge-failing');
      const effects = await watchEffects(site.orders.databaseUrl);
      try {
        source.start();
        site.start();
        return resultOf(await measure(world, source, effects));
      } finally {
        await effects.close();
        await site.remove();
      }
    } finally {
      await source.remove();
    }
  },
};

async function measure(
  { settings, say }: World,
  source: Source,
  effects: EffectsSeen,
): Promise<Series<Round>> {
  const series = new Series<Round>();
  let from = 0;
  for (let round = 0; round <= settings.tailRounds; round += 1)
    for (const name of round % 2 === 0 ? [WITHOUT, WITH] : [WITH, WITHOUT]) {
      const events = RATE * settings.seconds;
      const run = (): Promise<Round> => oneRound(source, effects, name, from, events);
      const got = round === 0 ? await run() : await series.round(name, run); // the first one warms up
      from += events;
      say(
        got === undefined
          ? `failing-key, round ${round}: ${name}: ${series.failure(name) ?? ''}`
          : `failing-key, round ${round}: ${name} p50 ${got.p50.toFixed(1)} ms, p99 ${got.p99.toFixed(1)} ms, ${got.suspects} events of the key in order`,
      );
    }
  return series;
}

async function oneRound(
  source: Source,
  effects: EffectsSeen,
  name: string,
  from: number,
  events: number,
): Promise<Round> {
  const keyOf = (n: number): string => `key-${n % KEYS}`;
  if (name === WITH) await effects.query(`insert into fault values ('${SUSPECT}') on conflict do nothing`);
  const commits = await writeAtRate(source, { ratePerSecond: RATE, events, keyPrefix: 'e', keyOf, from });
  const numbers = Array.from({ length: events }, (_, index) => from + index);
  const others = numbers.filter((n) => keyOf(n) !== SUSPECT);
  const suspects = numbers.filter((n) => keyOf(n) === SUSPECT);
  await effects.all(others, RECOVERY_MS);
  const early = suspects.filter((n) => effects.at(n) !== undefined).length;
  if (name === WITH && early > 0) throw new Error(`${early} events of the failing key took effect`);
  await effects.query('delete from fault');
  await effects.all(suspects, RECOVERY_MS);
  await inOrder(effects, suspects);
  // An effect may be notified before its COMMIT has returned to the writer. The first second is left out.
  const sample = others
    .filter((n) => n - from >= RATE)
    .map((n) => Math.max(0, (effects.at(n) ?? Number.NaN) - (commits.get(`e-${n - from}`) ?? Number.NaN)));
  return { p50: quantile(sample, 0.5), p99: quantile(sample, 0.99), sample, suspects: suspects.length };
}

async function inOrder(effects: EffectsSeen, suspects: readonly number[]): Promise<void> {
  const [first = 0, last = 0] = [suspects[0], suspects.at(-1)];
  const rows = await effects.query(
    `select n from effect where key = '${SUSPECT}' and n between ${first} and ${last} order by line`,
  );
  const applied = rows.map(({ n }) => Number(n));
  if (applied.join() !== suspects.join())
    throw new Error(`the key's events were applied as ${applied.join()}, not as ${suspects.join()}`);
}

function resultOf(series: Series<Round>): CaseResult {
  const rounds = (name: string, which: 'p50' | 'p99'): number[] =>
    series.of(name).map((round) => round[which]);
  const failure = series.failure(WITH) ?? series.failure(WITHOUT);
  const note = failure === undefined ? {} : { note: failure };
  const apart = (which: 'p50' | 'p99'): number => spread(rounds(WITHOUT, which));
  const names = [WITHOUT, WITH];
  return {
    figures: (['p50', 'p99'] as const).map((which) => ({
      name: `commit→effect of the other ${KEYS - 1} keys at ${RATE} events/s while one fails, ${which}`,
      bar: which === 'p99' ? { kind: 'at most', ratio: 1.2 } : { kind: 'report' },
      ours: { value: median(rounds(WITH, which)), unit: 'ms', digits: 1 },
      rival: { value: median(rounds(WITHOUT, which)), unit: 'ms', digits: 1, who: WITHOUT },
      spread: apart(which),
      ...note,
    })),
    plots: [
      {
        name: 'failing-key',
        title: 'Commit to effect while one key fails',
        svg: linePlot({
          title: `Commit to effect of the other keys at ${RATE} events/s: share that has taken effect`,
          xLabel: 'milliseconds after COMMIT returned',
          yLabel: 'share',
          series: names.map((name) => ({
            label: name,
            points: cumulative(series.of(name).flatMap(({ sample }) => sample)),
          })),
          xMax:
            2 *
            Math.max(
              ...names.map((name) =>
                quantile(
                  series.of(name).flatMap(({ sample }) => sample),
                  0.99,
                ),
              ),
            ),
        }),
      },
    ],
    rounds: table(
      ['rounds', 'round', 'events', 'p50 ms', 'p99 ms', 'max ms', 'events of the key, in order'],
      names.flatMap((name) =>
        series
          .of(name)
          .map(({ p50, p99, sample, suspects }, index) => [
            name,
            String(index + 1),
            String(sample.length),
            p50.toFixed(2),
            p99.toFixed(2),
            Math.max(...sample).toFixed(1),
            String(suspects),
          ]),
      ),
    ),
    method: METHOD,
  };
}

const METHOD = `An open-loop writer commits ${RATE} events a second, one a transaction, over ${KEYS} keys; the relay and one consumer with a one-row handler run all
the time, with default settings. In the rounds of the one kind every event of one key fails (category network); in the other nothing does. Latency
runs from the moment COMMIT returned to the writer to the notification that Postgres sends at the commit of the effect, and is that of the other
keys. Then the fault is lifted, and the key's own events must all take effect, in order, before the next round begins. Rounds take turns; a
round to warm up and the first second of each are left out. A/A is the factor between odd and even rounds without a fault.`;
