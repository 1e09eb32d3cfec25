import { table } from '../benchmarks/report/markdown.ts';

/** A figure of what a package weighs, and how it is printed. */
export interface Figure {
  readonly name: string;
  readonly unit: 'packages' | 'MB' | 'ms' | 's' | 'per s';
}

/** The figures of one contender; undefined: not measured. */
export type Weights = Readonly<Record<string, number | undefined>>;

export const FIGURES: readonly Figure[] = [
  { name: 'installed packages', unit: 'packages' },
  { name: 'installed size', unit: 'MB' },
  { name: 'import', unit: 'ms' },
  { name: 'memory after the import', unit: 'MB' },
  { name: 'memory, idle service', unit: 'MB' },
  { name: 'transactions, idle service', unit: 'per s' },
  { name: 'ready', unit: 's' },
  { name: 'CPU of `--help`', unit: 's' },
  { name: 'CPU of `parked groups`', unit: 's' },
];

/**
 * What a figure of ours may be at most, by contender and name: what was reached and a margin, half of a time and less of the others,
 * so that nothing grows unseen. A time is a multiple of what the import of DBOS takes on the same machine, some 70 ms.
 */
export const BARS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  convergekit: {
    'installed packages': 38,
    'installed size': 18,
    import: 2,
    'memory, idle service': 120,
    'transactions, idle service': 8,
    ready: 10,
    'CPU of `--help`': 1.8,
    'CPU of `parked groups`': 5.6,
  },
  'convergekit/postgres': { import: 2.7 },
};
const MEASURE = '@dbos-inc/dbos-sdk';

export function above(measured: Readonly<Record<string, Weights>>): readonly string[] {
  const unitMs = measured[MEASURE]?.['import'];
  if (unitMs === undefined) return [`the import of ${MEASURE} was not measured`];
  return Object.entries(BARS).flatMap(([contender, bars]) =>
    Object.entries(bars).flatMap(([name, bar]) => {
      const value = measured[contender]?.[name];
      const unit = FIGURES.find((one) => one.name === name)?.unit;
      if (value === undefined) return [`${contender}: ${name} was not measured`];
      const most = unit === 'ms' ? bar * unitMs : unit === 's' ? (bar * unitMs) / 1_000 : bar;
      return value > most
        ? [`${contender}: ${name} is ${rounded(value)}, at most ${rounded(most)} is wanted`]
        : [];
    }),
  );
}

/** Lays the figures out as a table of Markdown, a row a contender (pure). */
export function tableOf(measured: Readonly<Record<string, Weights>>): string {
  const shown = FIGURES.filter(({ name }) => Object.values(measured).some((one) => one[name] !== undefined));
  const rows = Object.entries(measured).map(([contender, weights]) => [
    contender,
    ...shown.map(({ name }) => {
      const value = weights[name];
      return value === undefined ? '' : rounded(value);
    }),
  ]);
  return table(
    ['', ...shown.map(({ name, unit }) => (unit === 'packages' ? name : `${name}, ${unit}`))],
    rows,
  );
}

function rounded(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}
