import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import type { Case, CaseResult, World } from '../case.ts';
import { openSite } from '../consuming/consume-once.ts';
import { SUSPECT } from '../consuming/converge.ts';
import { type Latencies, latenciesOf, latencyCells, latencyFigures } from '../measure/compare.ts';
import { withSource } from '../measure/drain-once.ts';
import { writeAtRate } from '../measure/load.ts';
import { race, type Series } from '../measure/series.ts';
import { table } from '../report/markdown.ts';
import { sharesPlot } from '../report/plots.ts';
import { openClient, type Source } from '../sides/side.ts';

const RATE = 500;
const KEYS = 1000;
/** The length of a round's last part, in milliseconds: a parked key is retried after 16 s at the latest. */
const RECOVERY_MS = 60_000;

const WITHOUT = 'no key fails';
const WITH = 'one key fails';

interface Round extends Latencies {
  /** Events of the suspect key; all were applied, in order. */
  readonly suspects: number;
}

/** The effect of a key that always fails on all other keys. */
export const failingKeyCase: Case = {
  name: 'failing-key',
  title: 'One key that always fails',
  run: (world) =>
    withSource(world, world.sides.ours[0], async (source) => {
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
    }),
};

/** The first round of each kind warms up. */
function measure({ settings, say }: World, source: Source, effects: EffectsSeen): Promise<Series<Round>> {
  const events = RATE * settings.seconds;
  let next = 0;
  return race<string, Round>({
    allMustHold: true,
    name: 'failing-key',
    sides: [WITHOUT, WITH],
    nameOf: (name) => name,
    warmUp: true,
    say,
    rounds: settings.tailRounds,
    measure: (name) => {
      const from = next;
      next += events;
      return oneRound(source, effects, name, from, events);
    },
    line: ({ p50, p99, suspects }) =>
      `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${suspects} events of the key in order`,
  });
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
  await effects.all(others);
  const early = suspects.filter((n) => effects.at(n) !== undefined).length;
  if (name === WITH && early > 0) throw new Error(`${early} events of the failing key took effect`);
  await effects.query('delete from fault');
  await effects.all(suspects);
  await inOrder(effects, suspects);
  // An effect may be notified before its COMMIT has returned to the writer. The first second is left out.
  const sample = others
    .filter((n) => n - from >= RATE)
    .map((n) => Math.max(0, (effects.at(n) ?? Number.NaN) - (commits.get(`e-${n - from}`) ?? Number.NaN)));
  return { ...latenciesOf(sample), suspects: suspects.length };
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

/** Notifications are delivered at commit, so they report an effect without a poll. */
const NOTIFY = `
  create function notify_effect() returns trigger language plpgsql as
    $$ begin perform pg_notify('effect', new.n::text); return null; end $$;
  create trigger notify_effect after insert on effect for each row execute function notify_effect()`;

type EffectsSeen = Awaited<ReturnType<typeof watchEffects>>;

async function watchEffects(databaseUrl: string) {
  const seen = new Map<number, number>();
  const client = await openClient(databaseUrl);
  client.on('notification', ({ payload }) => {
    const n = Number(payload);
    if (!seen.has(n)) seen.set(n, systemClock.monotonic());
  });
  await client.query(NOTIFY);
  await client.query('listen effect');
  return {
    /** Returns the time when the effect of event `n` was committed, by this process's clock; undefined until then. */
    at: (n: number) => seen.get(n),
    query: async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows,
    all: (numbers: readonly number[]) =>
      waitUntil(() => numbers.every((n) => seen.has(n)), {
        what: `the effects of ${numbers.length} events`,
        deadlineMs: RECOVERY_MS,
      }),
    close: () => client.end(),
  };
}

function resultOf(series: Series<Round>): CaseResult {
  const head = ['rounds', 'round', 'events', 'p50 ms', 'p99 ms', 'max ms', 'events of the key, in order'];
  return {
    figures: latencyFigures(series, {
      name: `commit→effect of the other ${KEYS - 1} keys at ${RATE} events/s while one fails`,
      bars: { p50: { kind: 'report' }, p99: { kind: 'at most', ratio: 1.2 } },
      ours: WITH,
      rival: WITHOUT,
      spreadOf: WITHOUT,
    }),
    plots: [
      sharesPlot(
        {
          name: 'failing-key',
          title: 'Commit to effect while one key fails',
          what: `Commit to effect of the other keys at ${RATE} events/s: share that has taken effect`,
          xLabel: 'milliseconds after COMMIT returned',
        },
        [WITHOUT, WITH].map((label) => ({
          label,
          values: series.of(label).flatMap(({ sample }) => sample),
        })),
      ),
    ],
    rounds: table(
      head,
      series.rows((round) => [...latencyCells(round), String(round.suspects)]),
    ),
  };
}
