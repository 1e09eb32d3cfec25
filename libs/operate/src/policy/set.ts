import { ConvergeError } from '@convergekit/core';
import { postgresMigrations, readPolicyRules, setPolicyRule } from '@convergekit/postgres/operate';
import { admitRules, type OfferedRule } from '@convergekit/resilience/engine';
import { didYouMean } from '../host/did-you-mean.ts';
import { misconfigured, refused, UsageError } from '../host/errors.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { act, type Preview } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { type InputOf, name, texts, toggle } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { requireKnownName } from './known-names.ts';
import { withFields } from './policy-fields.ts';

/** A service follows the table of its own database. */
const tables: Tables = {
  migrations: [postgresMigrations],
  table: 'converge.policy',
  isEverywhere: ({ service }) => Array.isArray(service) && service.length > 0,
};

const input = {
  name: name('default, a dependency (payment) or an operation (payment.charge)'),
  fields: {
    ...texts(
      'field',
      'attempts=2 backoff.capMs=500 deadlineMs=unbounded (Ms: milliseconds); attempts= removes the field',
    ),
    isArgument: true,
  },
  clear: toggle('remove all that the rule changes'),
  service: texts(
    'name',
    'the services whose tables are changed, by the names of their databases in the settings; * = all',
  ),
  unlisted: toggle('accept a name that no consumer, call or rule known here has'),
};
type Input = InputOf<typeof input>;

/**
 * Changes a rule of the central tables, after a check with all other rules and settings. Every process checks it again, with its own rules
 * below: a process that cannot use the rule logs that and keeps its last good one.
 */
export const set = act({
  name: 'policy.set',
  title: 'Change policy',
  summary:
    'change a rule of the central table, of one service or of several; running processes follow within seconds',
  did: 'changed',
  tables,
  input,
  concerns: (reads, given) => {
    const [only, ...others] = chosenOf(reads, given);
    return Promise.resolve({ database: only === undefined || others.length > 0 ? '*' : only.name });
  },
  preview: async (reads, given) => {
    const { changes, left } = await planAll(reads, given);
    const reasons = Map.groupBy(left, ({ why }) => why.message);
    return {
      eligible: changes.length,
      unit: `${changes.length === 1 ? 'service' : 'services'}: ${changes.map(({ database }) => database.name).join(', ')}`,
      others: [...reasons].map(([why, own]) => ({
        count: own.length,
        why: `${own.map(({ database }) => database.name).join(', ')}: ${why}`,
      })),
      effect: changes.map(textOf).join('; '),
      refusal: 'POLICY_INVALID',
      consents:
        given.unlisted || !left.some(({ why }) => why.code === 'POLICY_NAME_UNKNOWN')
          ? []
          : [{ field: 'unlisted', value: 'yes', label: 'Accept the name where nothing known has it' }],
      things: () =>
        Promise.resolve({
          rows: changes.map(({ value }) => value),
          lines: changes.map((one) => `would change ${textOf(one)}`),
        }),
    } satisfies Preview;
  },
  run: async (reads, given, acting) => {
    const { changes, left } = await planAll(reads, given);
    requireExpected(changes.length, 'services would be changed', acting);
    const versions = new Map<Change, number>();
    const { changed, refused: failed } = await actOnEach(changes, acting, async (one) => {
      versions.set(one, await change(one, given.name, acting));
    });
    if (changed.length === 0 && failed[0] !== undefined) throw failed[0];
    return {
      text: `${given.name} changed in ${counted(changed.length, 'service', 'services')}`,
      changed: changed.length,
      refused: [
        ...left.map(({ database, why }) => `${database.name}: ${why.message}`),
        ...failed.map(({ message }) => message),
      ],
      lines: changed.map((one) => `changed ${textOf(one)}, version ${versions.get(one)}`),
      value: changed.map((one) => ({ ...one.value, version: versions.get(one) })),
    };
  },
});

/** A change of one service's table. */
interface Change {
  readonly database: NamedDatabase;
  /** The version of the rule that it replaces; 0 = there was none. */
  readonly expected: number;
  readonly value: {
    readonly database: string;
    readonly name: string;
    readonly before: unknown;
    readonly change: Readonly<Record<string, unknown>>;
    readonly policy: unknown;
  };
}

const textOf = ({ value: { database, name: rule, before, change: after } }: Change): string =>
  `${rule} of ${database}: ${JSON.stringify(before ?? {})} → ${JSON.stringify(after)}`;

interface Planned {
  readonly changes: readonly Change[];
  /** Services whose table stays as it is, and why. */
  readonly left: readonly { readonly database: NamedDatabase; readonly why: ConvergeError }[];
}

/** Plans the change of each service. Rejects where none can be changed. */
async function planAll(reads: Reads, given: Input): Promise<Planned> {
  const { fields, clear } = given;
  if (fields.length === 0 && !clear)
    throw new UsageError(
      'FIELDS_MISSING',
      'nothing to change: give fields as attempts=2 backoff.capMs=500, or --clear',
    );
  const [changes, left]: [Change[], Planned['left'][number][]] = [[], []];
  for (const database of chosenOf(reads, given))
    try {
      changes.push(await planOne(reads, database, given));
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.certainty !== 'not_applied') throw error;
      left.push({ database, why: error });
    }
  if (changes.length === 0 && left[0] !== undefined) throw left[0].why;
  return { changes, left };
}

/** Returns the databases of the services that are meant. */
function chosenOf({ databases }: Pick<Reads, 'databases'>, { service }: Input): readonly NamedDatabase[] {
  if (service.includes('*')) return databases;
  const known = databases.map(({ name: one }) => one);
  const stranger = service.find((one) => !known.includes(one));
  if (stranger !== undefined)
    throw misconfigured(
      'DATABASE_UNKNOWN',
      `the settings have no database ${stranger}${didYouMean(stranger, known)}: they have ${known.join(', ') || 'none'}`,
    );
  if (service.length === 0 && databases.length > 1)
    throw new UsageError(
      'NOTHING_NAMED',
      `name the services, by --service: ${known.join(', ')}, or * for all`,
    );
  return service.length === 0 ? databases : databases.filter((one) => service.includes(one.name));
}

async function planOne(
  { settings: { policyLayers } }: Pick<Reads, 'settings'>,
  database: NamedDatabase,
  { name: rule, fields, clear, unlisted }: Input,
): Promise<Change> {
  const { executor } = database;
  const rules = await readPolicyRules(executor);
  const before = rules.find((one) => one.name === rule);
  // The field of a form has several, apart by a space.
  const named = fields.flatMap((one) => one.trim().split(/\s+/));
  const after = withFields(clear ? {} : before?.change, named);
  const version = Math.max(0, ...rules.map((one) => one.version)) + 1;
  const offered: OfferedRule[] = [
    ...rules.filter((one) => one !== before),
    { name: rule, version, change: after },
  ];
  const { book, refused: invalid } = admitRules(policyLayers, offered);
  const refusal = invalid.find((one) => one.name === rule);
  if (refusal !== undefined) throw new UsageError('POLICY_INVALID', `nothing was changed: ${refusal.reason}`);
  const layered = policyLayers.flatMap((layer) => Object.keys(layer.rules));
  if (!unlisted) await requireKnownName(executor, rule, [...rules.map((one) => one.name), ...layered]);
  const value = {
    database: database.name,
    name: rule,
    before: before?.change ?? null,
    change: after,
    policy: book.for(rule),
  };
  return { database, expected: before?.version ?? 0, value };
}

async function change(
  { database, expected, value }: Change,
  rule: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<number> {
  const setting = { name: rule, change: value.change, by, reason, expected };
  const version = await setPolicyRule(database.executor, setting);
  if (version !== undefined) return version;
  throw refused(
    'POLICY_CHANGED_MEANWHILE',
    `nothing was changed in ${database.name}: another operator changed ${rule} meanwhile; look at \`converge policy history ${rule}\` and repeat`,
  );
}
