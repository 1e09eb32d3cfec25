import { findMissingEffects, findWrongEffects, type Subscription } from './effect-audit.ts';
import type { Effect, Finding, LogRecord, OutboxRow, StepFact } from './facts.ts';
import { findBrokenChains, findInvented, findLost, findReordered } from './log-audit.ts';
import {
  type Answered,
  findMoneyOff,
  findStockOff,
  findTornOrders,
  findWrongOrders,
  type ShopFacts,
} from './shop-audit.ts';

export interface Dump {
  readonly outbox: readonly OutboxRow[];
  /** The end of each outbox before the log was read: later rows need not be in the log. */
  readonly before: ReadonlyMap<string, bigint>;
  readonly log: readonly LogRecord[];
  readonly effects: readonly Effect[];
  readonly steps: readonly StepFact[];
  readonly shop: ShopFacts;
  readonly answered: readonly Answered[];
}

/** The judgement of a claim. `not_settled`: the shop had open work, so that missing things may still come. */
export type Judgement = 'agrees' | 'disagrees' | 'not_settled';

export interface Verdict {
  readonly claim: string;
  readonly judgement: Judgement;
  /** The number of checked things: a check over nothing proves nothing. */
  readonly looked: number;
  readonly findings: readonly Finding[];
}

interface Check {
  readonly claim: string;
  /** `always`: a finding is wrong at any time. `at_rest`: it may only be unfinished while the shop is moving. */
  readonly holds: 'always' | 'at_rest';
  readonly looked: number;
  readonly findings: readonly Finding[];
}

/** Checks every claim of the demo over the dumps. */
export function audit(
  dump: Dump,
  subscriptions: readonly Subscription[],
  settled: boolean,
): readonly Verdict[] {
  return checks(dump, subscriptions).map(({ holds, ...check }) => ({
    ...check,
    judgement: judgementOf(check, holds, settled),
  }));
}

function judgementOf(
  { looked, findings }: Omit<Check, 'holds'>,
  holds: Check['holds'],
  settled: boolean,
): Judgement {
  if (looked > 0 && findings.length === 0) return 'agrees';
  return settled || holds === 'always' ? 'disagrees' : 'not_settled';
}

/** Returns the worst judgement; a shop with open work never agrees as a whole. */
export function overall(verdicts: readonly Verdict[], settled: boolean): Judgement {
  if (verdicts.some(({ judgement }) => judgement === 'disagrees')) return 'disagrees';
  return settled ? 'agrees' : 'not_settled';
}

// The claims, in the order of the report.
// eslint-disable-next-line max-lines-per-function
function checks(dump: Dump, subscriptions: readonly Subscription[]): readonly Check[] {
  const { outbox, before, log, effects, steps, shop, answered } = dump;
  const sent = outbox.filter(({ source, id }) => id <= (before.get(source) ?? 0n));
  return [
    {
      claim: 'one order for each request, however often it was sent',
      holds: 'always',
      looked: answered.length,
      findings: findWrongOrders(shop.orders, answered),
    },
    {
      claim: 'every order completed or compensated, and all services agree',
      holds: 'at_rest',
      looked: shop.orders.length,
      findings: findTornOrders(shop),
    },
    {
      claim: 'money conserved: orders, payments and the provider agree',
      holds: 'at_rest',
      looked: shop.charges.length,
      findings: findMoneyOff(shop),
    },
    {
      claim: 'stock conserved: on hand + reserved + shipped = initial',
      holds: 'at_rest',
      looked: shop.stock.length,
      findings: findStockOff(shop),
    },
    {
      claim: 'no event lost: every outbox row is in its topic',
      holds: 'at_rest',
      looked: sent.length,
      findings: findLost(sent, log),
    },
    {
      claim: 'no event invented or altered: every record has its row',
      holds: 'always',
      looked: log.length,
      findings: findInvented(outbox, log),
    },
    {
      claim: 'order per key kept: the log follows the outbox',
      holds: 'always',
      looked: log.length,
      findings: findReordered(outbox, log),
    },
    {
      claim: 'every event names its predecessor (ce_prev)',
      holds: 'always',
      looked: log.length,
      findings: findBrokenChains(log),
    },
    {
      claim: 'no effect twice, none without an event',
      holds: 'always',
      looked: effects.length,
      findings: findWrongEffects(outbox, effects),
    },
    {
      claim: 'no event passed over by a consumer',
      holds: 'at_rest',
      looked: effects.length,
      findings: findMissingEffects(log, effects, subscriptions, steps),
    },
  ];
}
