import { parseArgs } from 'node:util';

interface Size {
  readonly flag: string;
  readonly whole: number;
  /** The value of a run with `--quick`. */
  readonly quick: number;
  readonly says: string;
}

/** The sizes of a run. Each has a flag; all are whole numbers but minutes. */
const SIZES = {
  rounds: { flag: 'rounds', whole: 5, quick: 1, says: 'interleaved rounds' },
  tailRounds: { flag: 'tail-rounds', whole: 10, quick: 2, says: 'rounds of the comparisons of tails' },
  events: { flag: 'events', whole: 500_000, quick: 100_000, says: 'rows of a backlog' },
  deepEvents: { flag: 'deep', whole: 10_000_000, quick: 500_000, says: 'rows of the deep backlog' },
  rate: { flag: 'rate', whole: 200, quick: 200, says: 'transactions per second of the latency case' },
  seconds: { flag: 'seconds', whole: 8, quick: 5, says: 'seconds of one latency round' },
  outageSeconds: {
    flag: 'outage',
    whole: 30,
    quick: 5,
    says: 'seconds without a broker, or without the last service of a chain',
  },
  minutes: {
    flag: 'minutes',
    whole: 2,
    quick: 0.25,
    says: 'minutes of load on a side of the saga case in a round, such as 0.5',
  },
  rows: {
    flag: 'rows',
    whole: 1_000_000,
    quick: 100_000,
    says: 'rows of each side of the reconcile case; 10_000_000 shows that time is linear',
  },
} as const satisfies Record<string, Size>;

export interface Settings extends Readonly<Record<keyof typeof SIZES, number>> {
  readonly help: boolean;
  readonly list: boolean;
  readonly quick: boolean;
  /** Names of cases; empty = all. */
  readonly only: readonly string[];
  /** Names of the sides of the saga case; empty = all. */
  readonly sides: readonly string[];
  readonly out: string | undefined;
}

const sizes: readonly (readonly [string, Size])[] = Object.entries(SIZES);

export const USAGE = `make bench ARGS="…": measures the relay and consumers beside their peers and writes a report
  --only a,b           these cases only (--list names them)
  --quick              fewer rounds and rows: shows that it works, the figures mean little
${sizes.map(([, { flag, says, whole }]) => `  ${`--${flag} N`.padEnd(20)} ${says} (${whole})`).join('\n')}
  --sides "a,b"        these sides of the saga case only, such as "by hand B,Converge B"
  --out FILE.md        the report; plots go beside it. Default: docs/benchmarks/<date>-relay.md for a whole run,
                       .converge/benchmarks/<date>-relay.md for one with --only or --quick
DATABASE_URL (wal_level=logical for Debezium) and KAFKA_BROKERS are used where set; else a stack is started.
`;

export function readSettings(args: readonly string[]): Settings {
  const text = { type: 'string' } as const;
  const yes = { type: 'boolean', default: false } as const;
  const numbers = Object.fromEntries(sizes.map(([, { flag }]) => [flag, text]));
  const options = { ...numbers, help: yes, list: yes, quick: yes, only: text, sides: text, out: text };
  const { values } = parseArgs({ args: [...args], options });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  const { help, list, quick, only, sides, out } = values;
  const read = sizes.map(([name, size]) => [name, numberOf(size, given[size.flag], quick)] as const);
  return {
    // The entries are one for each size.
    ...(Object.fromEntries(read) as Record<keyof typeof SIZES, number>),
    help,
    list,
    quick,
    out,
    only: only?.split(',') ?? [],
    sides: sides?.split(',') ?? [],
  };
}

function numberOf(
  { flag, whole, quick }: Size,
  given: string | boolean | undefined,
  isQuick: boolean,
): number {
  if (given === undefined) return isQuick ? quick : whole;
  const value = Number(String(given).replaceAll('_', ''));
  const isGood =
    flag === 'minutes' ? Number.isFinite(value) && value > 0 : Number.isInteger(value) && value > 0;
  if (isGood) return value;
  const expected = flag === 'minutes' ? 'a number above 0' : 'a whole number from 1';
  throw new Error(`--${flag} is "${String(given)}": ${expected} is expected`);
}
