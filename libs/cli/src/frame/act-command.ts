import { systemClock } from '@convergekit/core';
import { importSagas, isEvent, reconcilersOfSettings } from '@convergekit/operate/declared';
import type { NamedDatabase } from '@convergekit/operate';
import { hasTables } from '@convergekit/postgres/engine';
import { requireMigrations } from '@convergekit/postgres/operate';
import { refused, UsageError } from '@convergekit/operate/errors';
import { explain, exportsThat } from '@convergekit/operate/host';
import type {
  Act,
  Fields,
  InputOf,
  Outcome,
  Preview,
  Reads,
  Tables,
  View,
} from '@convergekit/operate/registry';
import { tableOf } from '@convergekit/operate/registry';
import { allDatabases } from './all-databases.ts';
import { type Command, command } from './command.ts';
import type { CommandContext } from './context.ts';
import { flagsOf } from './field-flags.ts';
import { asks, count, dryRun, type Flag, reason, texts, usualReason } from './flags.ts';
import { databases as moreDatabases } from './named-databases.ts';
import { optionOf } from './program.ts';
import { type Result, result } from './result.ts';

/** The options that no field of a noun gives. */
interface Own {
  readonly database: readonly string[];
  readonly events: readonly string[];
  readonly sagas: readonly string[];
  readonly limit: number;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** Makes the command of an act: preview, question, act, and what became of each thing. */
export function actCommand(act: Act): Command {
  const { input, most, looksElsewhere, needsEvents, needsSagas, tables } = act;
  const { args, flags } = flagsOf(input);
  return command({
    name: verbOf(act.name),
    summary: act.summary,
    args,
    flags: {
      ...flags,
      ...(most !== undefined && {
        limit: count(most.unit, `refuse when more ${most.unit} match`, most.initial),
      }),
      ...((looksElsewhere === true || tables.needsAll === true) && moreDatabases),
      ...(needsEvents === true && { events: declaring }),
      ...(needsSagas === true && { sagas: declaringSagas }),
      reason: (act.usualReason === undefined ? reason : usualReason)('why: it is kept with the act'),
      ...dryRun,
      ...asks,
    },
    run: (context, given) => perform(context, act, given as Given),
  });
}

/** Without an initial value, so that it must be given. */
const declaring: Flag<readonly string[]> = {
  help: 'modules that export the declaration of the event: the data is checked against it',
  value: 'module',
  many: true,
  required: true,
};

const declaringSagas = texts(
  'module',
  'modules that export the declaration of the saga: what is given is checked against it',
);

type Given = InputOf<Fields> & Partial<Own>;

/** Performs an act as a command: preview, question, act. */
export async function perform(context: CommandContext, act: Act, given: Given): Promise<Result> {
  const { limit = Infinity, reason: because = act.usualReason ?? '', dryRun: isDry = false } = given;
  act.check?.(given);
  const reads = await readsOf(context, act.tables, given);
  const preview = await act.preview(reads, given);
  const { eligible } = preview;
  if (act.most !== undefined && eligible > limit)
    throw new UsageError(
      'TOO_MANY',
      `${eligible} match, more than ${limit}: narrow the filter, or raise --limit`,
    );
  const left = preview.others.filter(({ count: some }) => some > 0);
  const lefts = left.map(({ count: some, why: reasonOf }) => `${some}: ${reasonOf}`);
  if (isDry) {
    const things = await preview.things();
    return result(things.rows, () => [
      ...(preview.notes ?? []),
      ...payloadLines(preview),
      ...lefts.map((one) => `left alone: ${one}`),
      ...things.lines,
      `would have ${act.did} ${eligible} ${preview.unit}`,
    ]);
  }
  for (const line of preview.notes ?? []) context.output.progress(line);
  if (eligible === 0 && left.length > 0)
    throw refused(preview.refusal, `nothing is ${act.did}: ${lefts.join('; ')}${consentText(preview)}`);
  for (const line of [...payloadLines(preview), ...lefts.map((one) => `left alone: ${one}`)])
    context.output.progress(line);
  if ((preview.asks ?? act.asks?.(given) ?? true) && eligible > 0)
    await context.confirm(`${act.title}: ${eligible} ${preview.unit}? ${preview.effect}`);
  const outcome = await act.run(reads, given, {
    by: context.operator,
    reason: because,
    expected: eligible,
    seen: preview.seen,
    report: reporter(context),
    signal: context.stopRequested(),
  });
  context.audit({ changed: outcome.changed, reason: because });
  return outcomeResult(context, outcome);
}

function outcomeResult(
  context: CommandContext,
  { text, refused: refusals = [], lines = [], value }: Outcome,
): Result {
  for (const line of refusals) context.output.progress(line);
  return result(value, () => [...lines, text], refusals.length === 0);
}

/** How an operator includes what a preview leaves out. */
const consentText = ({ consents = [] }: Preview): string =>
  consents
    .map(({ field, value, label }) => ` (${optionOf(field)}${value === 'yes' ? '' : ` ${value}`}: ${label})`)
    .join('');

const payloadLines = ({ payload }: Preview): readonly string[] =>
  payload === undefined ? [] : [`${payload.label}: ${payload.bytes?.toString('utf8') ?? 'no payload'}`];

/** Reports what an act waits for, once for each reason. */
function reporter({ output }: CommandContext): (done: number, total?: number, note?: string) => void {
  let last: string | undefined;
  return (_done, _total, note) => {
    if (note !== undefined && note !== last) output.progress(note);
    last = note ?? last;
  };
}

/** Makes the command of a list. */
export function listCommand(view: View): Command {
  const { args, flags } = flagsOf(view.input);
  const most = view.most ?? (view.order && { unit: 'rows', initial: 50 });
  const limit = most && { limit: count(most.unit, `at most so many ${most.unit}`, most.initial) };
  return command({
    name: verbOf(view.name),
    summary: view.summary,
    args,
    flags: { ...flags, ...(view.looksElsewhere === true && moreDatabases), ...limit },
    run: async (context, values) => {
      const given = values as Given;
      const reads = await readsOf(context, view.tables, given);
      await view.check?.(reads, given);
      const page = { limit: given.limit ?? Infinity, after: undefined };
      const found = await Promise.all(
        reads.databases.map((database) => view.find(reads, database, given, page)),
      );
      const rows = found.flat().map((row) => view.row.parse(row));
      return result(rows, () => tableOf(rows, view));
    },
  });
}

const verbOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** What a command gives to a view or an act: its databases, and what its options name. */
export async function readsOf(
  context: CommandContext,
  tables: Tables,
  given: Partial<Own> = {},
): Promise<Reads> {
  const { database: urls = [], events = [], sagas = [] } = given;
  return {
    databases:
      tables.isEverywhere?.({ ...given }) === true
        ? await everywhere(context, tables, urls)
        : [await own(context, tables)],
    known: knownTo(context, urls),
    events: () => exportsThat(events, isEvent, 'no event: export what defineEvent returns'),
    sagas: () => importSagas(sagas),
    reconcilers: () => reconcilersOfSettings(context.settings),
    broker: () => context.broker(),
    hasBroker: true,
    settings: context.settings,
    clock: systemClock,
  };
}

async function own(context: CommandContext, { migrations }: Tables): Promise<NamedDatabase> {
  const database = await context.database(...migrations);
  return { name: database.target.database, database, executor: database.executor };
}

/** Opens all databases of the settings that have a noun's tables. One that cannot be read is reported and left out, or prevents it. */
async function everywhere(
  context: CommandContext,
  { migrations, table: needed, needsAll = false }: Tables,
  urls: readonly string[],
): Promise<readonly NamedDatabase[]> {
  const failed: { readonly error: unknown; readonly name: string }[] = [];
  const onFailure = (error: unknown, name = 'DATABASE_URL'): void => {
    if (needsAll) throw error;
    failed.push({ error, name });
  };
  const found: NamedDatabase[] = [];
  const all = await allDatabases(context, { onFailure, ...(needsAll && { urls }) });
  for (const one of all)
    try {
      if (!(await hasTables(one.executor, needed))) continue;
      await requireMigrations(one.executor, migrations);
      found.push(one);
    } catch (error) {
      onFailure(error, one.name);
    }
  if (found.length === 0 && failed[0] !== undefined) throw failed[0].error;
  if (needsAll && found.length === 0 && all[0] !== undefined)
    await requireMigrations(all[0].executor, migrations);
  for (const { error, name } of failed)
    context.output.progress(`left out: database ${name}: ${explain(error).message}`);
  return found;
}

/** Every database that the settings name, and those of --database. One that cannot be opened is named. */
const knownTo =
  (context: CommandContext, urls: readonly string[]): Reads['known'] =>
  () =>
    allDatabases(context, {
      urls,
      onFailure: (error, name = 'a database') =>
        context.output.progress(`${name} is not looked at: ${explain(error).message}`),
    });
