import { parseArgs } from 'node:util';

export interface Settings {
  /** Names of cases; empty = all. */
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly rounds: number;
  /** Rounds of the comparison of tails. */
  readonly tailRounds: number;
  /** Rows of a backlog. */
  readonly events: number;
  /** Rows of the deep backlog. */
  readonly deepEvents: number;
  /** Transactions per second of the latency case. */
  readonly rate: number;
  /** The duration of a latency round, in seconds. */
  readonly seconds: number;
  /** The duration of the broker's outage, in seconds. */
  readonly outageSeconds: number;
  /** The duration of the load on one side of the saga case in a round, in minutes. */
  readonly minutes: number;
  /** Names of the sides of the saga case; empty = all. */
  readonly sides: readonly string[];
  /** Rows of each side of the comparison by digests. */
  readonly rows: number;
  /** The folder of the report; undefined: the default folder. */
  readonly out: string | undefined;
}

export const USAGE = `make bench ARGS="…": measures the relay and consumers beside their peers and writes a report
  --only a,b           these cases only (--list names them)
  --quick              fewer rounds and rows: shows that it works, the figures mean little
  --rounds N           interleaved rounds (5)
  --tail-rounds N      rounds of the comparisons of tails (10)
  --events N           rows of a backlog (500000)
  --deep N             rows of the deep backlog (10000000)
  --rate N             transactions per second of the latency case (200)
  --seconds N          of one latency round (8)
  --outage N           seconds without a broker, or without the last service of a chain (30)
  --minutes N          of load on a side of the saga case in a round, such as 0.5 (2)
  --sides "a,b"        these sides of the saga case only, such as "by hand B,Converge B"
  --rows N             rows of each side of the reconcile case (1000000); 10_000_000 shows that time is linear
  --out FILE.md        the report; plots go beside it. Default: docs/benchmarks/<date>-relay.md for a whole run,
                       .converge/benchmarks/<date>-relay.md for one with --only or --quick
DATABASE_URL (wal_level=logical for Debezium) and KAFKA_BROKERS are used where set; else a stack is started.
`;

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'run'; readonly settings: Settings };

export function readCommand(args: readonly string[]): Command {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: flag,
      list: flag,
      quick: flag,
      only: text,
      rounds: text,
      'tail-rounds': text,
      events: text,
      deep: text,
      rate: text,
      seconds: text,
      outage: text,
      minutes: text,
      sides: text,
      rows: text,
      out: text,
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const { quick } = values;
  return {
    kind: 'run',
    settings: {
      only: values.only === undefined ? [] : values.only.split(','),
      quick,
      rounds: whole('rounds', values.rounds, quick ? 1 : 5),
      tailRounds: whole('tail-rounds', values['tail-rounds'], quick ? 2 : 10),
      events: whole('events', values.events, quick ? 100_000 : 500_000),
      deepEvents: whole('deep', values.deep, quick ? 500_000 : 10_000_000),
      rate: whole('rate', values.rate, 200),
      seconds: whole('seconds', values.seconds, quick ? 5 : 8),
      outageSeconds: whole('outage', values.outage, quick ? 5 : 30),
      minutes: positive('minutes', values.minutes, quick ? 0.25 : 2),
      sides: values.sides === undefined ? [] : values.sides.split(','),
      rows: whole('rows', values.rows, quick ? 100_000 : 1_000_000),
      out: values.out,
    },
  };
}

function whole(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const parsed = Number(value.replaceAll('_', ''));
  if (!Number.isInteger(parsed) || parsed < 1)
    throw new Error(`--${name} is "${value}": a whole number from 1 is expected`);
  return parsed;
}

function positive(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const parsed = Number(value);
  if (!Number.isFinite(parsed) || parsed <= 0)
    throw new Error(`--${name} is "${value}": a number above 0 is expected`);
  return parsed;
}
