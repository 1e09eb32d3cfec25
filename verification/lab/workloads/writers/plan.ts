import type { Random } from '@convergekit/core';

/** The kinds of transactions, with their number in a hundred thousand. */
const shares = {
  plain: 62_000,
  /** synchronous_commit = off: a crash of Postgres may undo it after it was acknowledged. */
  async: 10_000,
  /** Transactions of several statements from the client, through the kit's `outbox.append`. */
  append: 20_000,
  savepoint: 2_500,
  rollback: 2_500,
  /** One event alone. */
  single: 2_440,
  /** Transactions with PREPARE TRANSACTION, ended later from another connection. */
  prepared: 300,
  /** Open for up to three seconds between its events and its commit. */
  long: 200,
  bulk: 60,
} as const;
export type TransactionKind = keyof typeof shares;
export const transactionKinds = Object.keys(shares) as TransactionKind[];

export interface PlannedEvent {
  readonly topic: string;
  readonly key: string;
  /** Characters of the payload's padding. */
  readonly size: number;
}

export type PlannedTransaction = ReturnType<typeof planTransaction>;

interface Topics {
  readonly main: string;
  readonly side: string;
  /** One of 40 keys of a topic that block no other writer. */
  readonly lonelyKey: (topic: string, index: number) => string;
}

/** Plans a transaction; equal random numbers give equal transactions. */
export function planTransaction(random: Random, topics: Topics) {
  const kind = pickKind(random);
  const count = kind === 'bulk' ? 200 + int(random, 1_800) : kind === 'single' ? 1 : 1 + int(random, 5);
  const lonely = kind === 'long' || kind === 'prepared';
  return {
    kind,
    events: Array.from({ length: count }, () => planEvent(random, topics, lonely)),
    /** The time a long transaction stays open, in milliseconds. */
    openMs: kind === 'long' ? 300 + int(random, 2_700) : 20 + int(random, 600),
    /** True when a prepared transaction commits. */
    commits: random() < 0.8,
  };
}

function planEvent(random: Random, { main, side, lonelyKey }: Topics, lonely: boolean): PlannedEvent {
  const [topic, hot, cold] = random() < 0.8 ? ([main, 5, 1_200] as const) : ([side, 1, 300] as const);
  const key = lonely
    ? lonelyKey(topic, int(random, 40))
    : random() < 0.2
      ? `hot${1 + int(random, hot)}`
      : `cold${1 + int(random, cold)}`;
  return { topic, key, size: planSize(random) };
}

/** Mostly small, some of kilobytes, a few of a hundred. */
function planSize(random: Random): number {
  const which = random();
  if (which < 0.975) return 20 + int(random, 400);
  if (which < 0.999) return 2_000 + int(random, 8_000);
  return 40_000 + int(random, 60_000);
}

function pickKind(random: Random): TransactionKind {
  let left = random() * 100_000;
  for (const kind of transactionKinds) {
    left -= shares[kind];
    if (left < 0) return kind;
  }
  return 'plain';
}

function int(random: Random, below: number): number {
  return Math.floor(random() * below);
}
