import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { driverNames } from '@convergekit/kafka';
import { commit } from '../programs.ts';
import { faultsNamed, menu } from './faults/menu.ts';
import { type Bins, postgresPrograms, VERSIONS } from './moves/installs.ts';
import { presets, type Settings, SOAK_FAULTS } from './presets.ts';
import { type RunSpec, type WorkloadName, workloadNames } from './spec.ts';

/** The command line of `make lab`, and of each preset. */
export function readOptions() {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      preset: text,
      workload: text,
      faults: text,
      minutes: text,
      seconds: text,
      rate: text,
      seed: text,
      broker: { ...text, default: 'kafka' },
      orders: text,
      transfers: text,
      /** Only the runs, or the faults of a soak, whose name contains this text. */
      only: { ...text, default: '' },
      driver: text,
      /** Folders of programs of Postgres, in place of the fetched ones. */
      old: text,
      new: text,
      /** Keeps the shop up without faults, until Ctrl-C. */
      keep: { type: 'boolean', default: false },
    },
  });
  return values;
}
export type Options = ReturnType<typeof readOptions>;

/** Seeds of runs that are the same each time unless another one is given. */
const FIXED_SEEDS: Readonly<Record<string, string>> = { demo: '1', scenarios: '1' };

export function seedOf({ seed, preset = '' }: Options): number {
  return Number(seed ?? FIXED_SEEDS[preset] ?? Math.floor(Math.random() * 1_000_000));
}

/** Chooses the runs: of a preset, or one of the named workloads under the named faults. */
export async function runsOf(options: Options, say: (line: string) => void): Promise<readonly RunSpec[]> {
  const { preset, only } = options;
  const settings = await settingsOf(options, say);
  if (preset === undefined) return [freeRun(options, settings)];
  const found = presets.find(({ name }) => name === preset);
  if (found === undefined)
    throw new Error(`there is no preset ${preset}: ${presets.map(({ name }) => name).join(', ')}`);
  const all = found.runs(settings);
  const words = only.split(',');
  const runs = preset === 'soak' ? all : all.filter(({ name }) => words.some((word) => name.includes(word)));
  if (runs.length === 0)
    throw new Error(`there is no run ${only}: ${all.map(({ name }) => name).join(', ')}`);
  return runs;
}

async function settingsOf(options: Options, say: (line: string) => void): Promise<Settings> {
  const { broker, driver, preset, only, faults: words } = options;
  if (broker !== 'kafka' && broker !== 'local')
    throw new Error(`--broker is "${broker}": give kafka or local`);
  const known = driverNames.find((name) => name === driver);
  if (driver !== undefined && known === undefined)
    throw new Error(`--driver is ${driver}, but must be ${driverNames.join(' or ')}`);
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  const minutes = number(options.minutes);
  const named = words === undefined ? undefined : faultsNamed(words.split(','));
  const contained =
    preset === 'soak' && only !== ''
      ? faultsNamed(SOAK_FAULTS).filter(({ name }) => name.includes(only))
      : undefined;
  return {
    seconds: number(options.seconds) ?? (minutes === undefined ? undefined : minutes * 60),
    rate: number(options.rate),
    orders: number(options.orders),
    transfers: number(options.transfers),
    driver: known,
    broker,
    faults: named ?? contained,
    bins: preset === 'upgrade' ? await binsOf(options, say) : undefined,
  };
}

async function binsOf(given: Options, say: (line: string) => void): Promise<Bins> {
  const programs = (folder: string | undefined, version: string): Promise<string> =>
    folder === undefined ? postgresPrograms(version, say) : Promise.resolve(resolve(folder));
  return { old: await programs(given.old, VERSIONS.old), new: await programs(given.new, VERSIONS.new) };
}

const isWorkload = (word: string): word is WorkloadName => workloadNames.some((name) => name === word);

/** A run as the command line names it. Faults that the workloads do not have the targets for are skipped. */
function freeRun({ workload = 'shop' }: Options, settings: Settings): RunSpec {
  const words = workload.split(',');
  const workloads = words.filter(isWorkload);
  if (workloads.length < words.length)
    throw new Error(`--workload is ${workload}: give some of ${workloadNames.join(', ')}`);
  const { seconds = 300, rate = workloads.includes('writers') ? 150 : 5, broker = 'kafka' } = settings;
  const { faults = menu.filter(({ name }) => !name.startsWith('drift')), driver } = settings;
  return {
    name: workloads.join('-'),
    title: `${workloads.join(' and ')} under faults`,
    workloads,
    broker,
    driver,
    load: { kind: 'rate', perSecond: rate, seconds },
    plan: { kind: 'deck', faults, everyMs: [4_000, 12_000] },
    sagas: !faults.some(({ name }) => name.startsWith('drift')),
    counted: { mayRefuse: true },
  };
}

export function listing(): string {
  const rows = (all: readonly { readonly name: string; readonly about: string }[]): readonly string[] =>
    all.map(({ name, about }) => `  ${name.padEnd(28)}${about}`);
  return [
    `workloads\n  ${workloadNames.join(', ')}`,
    'faults',
    ...rows(menu),
    'presets',
    ...rows(presets),
    '',
  ].join('\n');
}

/** The options that do not change a run, and the seed, which the line names itself. */
const NOT_REPEATED = ['seed', 'list', 'keep'];

/** The line that repeats a run: its options as they were given, its seed, and its commit. */
export function commandOf(given: readonly string[], seed: number): string {
  const words = given.flatMap((word, index) => {
    const flag = /^--([a-z-]+)/.exec(word)?.[1];
    if (flag === undefined || NOT_REPEATED.includes(flag)) return [];
    const value = word.includes('=') ? [] : [given[index + 1] ?? ''];
    return [word, ...value.map((text) => (text.includes(' ') ? `'${text}'` : text))];
  });
  return `make lab ARGS="${[...words, '--seed', seed].join(' ')}"  # at ${commit()}`;
}
