import { checkSagas } from '../checker/sagas/check.ts';
import { endOf, type Run } from '../checker/sagas/ends.ts';
import type { EventRow, FenceRow, JournalRow, SagaDump, Shape } from '../checker/sagas/facts.ts';
import { type Check, checkOf } from '../checker/check.ts';
import type { Effect } from '../checker/effects.ts';
import { converge, type Environment } from './operator.ts';

/** Narratives that are read at a time. */
const AT_ONCE = 4;

/** What `converge saga narrative` shows, as far as it is judged. */
interface Narrative {
  readonly steps: readonly (Omit<FenceRow, 'source' | 'stuck'> & {
    readonly consumer: string;
    readonly reason: string | null;
    readonly stuckSince: string | null;
  })[];
  readonly entries: readonly {
    readonly kind: string;
    readonly database: string;
    readonly at: string;
    readonly step: string;
    readonly state?: string;
    readonly stuckReason?: string | null;
  }[];
}

/** The sagas of one shape: runs, steps and decisions, from the narrative of each run. */
export type SagaRows = Pick<SagaDump, 'fences' | 'journal'>;

/** Reads the narrative of every run, over the databases of all services that take part. */
export async function readSagas(
  shape: Shape,
  envs: readonly Environment[],
  events: readonly EventRow[],
): Promise<SagaRows> {
  const rows = { fences: [] as FenceRow[], journal: [] as JournalRow[] };
  const [env = {}, ...others] = envs;
  const more = others.flatMap(({ DATABASE_URL = '' }) => ['--database', DATABASE_URL]);
  const starts = events.filter(({ type }) => type === shape.start).values();
  const reader = async (): Promise<void> => {
    for (const { eventId } of starts) {
      const args = ['saga', 'narrative', eventId, ...more];
      const narrative = await converge<Narrative | null>(args, env, { mayFail: true });
      if (narrative !== null) add(narrative, rows);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return rows;
}

function add({ steps, entries }: Narrative, rows: { fences: FenceRow[]; journal: JournalRow[] }): void {
  for (const { consumer: source, reason, stuckSince, ...step } of steps) {
    const work = entries.find(
      (one) => one.kind === 'work' && one.step === step.step && one.state === 'stuck',
    );
    const why = step.reasonCode ?? reason ?? work?.stuckReason ?? null;
    const waits = stuckSince !== null || work !== undefined || step.state === 'stuck';
    rows.fences.push({ ...step, source, stuck: waits ? why : null });
  }
  for (const entry of entries) {
    if (entry.kind !== 'decision') continue;
    const row = entry as unknown as JournalRow;
    rows.journal.push({ ...row, source: entry.database, atMs: Date.parse(entry.at) });
  }
}

/** Checks every guarantee about the sagas of one shape. */
export function judgeSagas(
  shape: Shape,
  rows: SagaRows,
  events: readonly (EventRow & { readonly key: string })[],
  effects: readonly Effect[],
) {
  const verdict = checkSagas(shape, { ...rows, events, effects });
  const keys = new Map(events.map(({ eventId, key }) => [eventId, key]));
  const runs = new Map(verdict.runs.map((run) => [keys.get(run.instance) ?? '', run]));
  const { completed, compensated, stuck, open } = verdict.ends;
  const ends = `${completed} completed, ${compensated} compensated, ${stuck} stuck, ${open} open`;
  const waiting = Map.groupBy(
    rows.fences.filter(({ stuck: why }) => why !== null),
    ({ step, stuck: why }) => `${step}: ${why ?? ''}`,
  );
  const reasons = [...waiting].map(([why, own]) => `${why} (${own.length})`).join(', ');
  const figures: (readonly [string, string])[] = [[shape.name, ends]];
  if (reasons !== '') figures.push(['waiting for an operator', reasons]);
  return {
    checks: verdict.checks,
    figures,
    /** Runs by what they are about: the key of their start event. */
    runs,
    /** What stuck runs are about. */
    stuck: new Set([...runs].flatMap(([key, run]) => (endOf(run) === 'stuck' ? [key] : []))),
  };
}

/** The check of what customers are shown: the end of their saga. */
export function shownCheck(
  what: string,
  shown: readonly { readonly id: string; readonly state: string }[],
  good: string,
  { runs }: { readonly runs: ReadonlyMap<string, Run> },
): Check {
  const findings = shown.flatMap(({ id, state }) => {
    const run = runs.get(id);
    const end = run === undefined ? 'not started' : endOf(run);
    const agrees = end === 'stuck' || (state === good ? end === 'completed' : end === 'compensated');
    return agrees ? [] : [`${id} is shown as ${state}, and its saga is ${end}`];
  });
  return checkOf(`${what}: each customer is shown the end of the saga`, shown.length, findings, 'at_rest');
}

/** Counts the instances that an observer has in some states. */
export async function countSagas(env: Environment, ...states: readonly string[]): Promise<number> {
  const flags = states.flatMap((state) => ['--state', state]);
  const args = ['saga', 'list', '--limit', '1000000', ...flags];
  return (await converge<readonly unknown[]>(args, env)).length;
}
