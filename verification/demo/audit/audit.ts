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
  readonly log: readonly LogRecord[];
  readonly effects: readonly Effect[];
  readonly steps: readonly StepFact[];
  readonly shop: ShopFacts;
  readonly answered: readonly Answered[];
}

export interface Verdict {
  readonly claim: string;
  /** How many things were looked at: a check over nothing proves nothing. */
  readonly looked: number;
  readonly findings: readonly Finding[];
}

/** Every claim that the demo makes, checked over the dumps. */
export function audit(dump: Dump, subscriptions: readonly Subscription[]): readonly Verdict[] {
  const { outbox, log, effects, steps, shop, answered } = dump;
  return [
    {
      claim: 'one order for each request, however often it was sent',
      looked: answered.length,
      findings: findWrongOrders(shop.orders, answered),
    },
    {
      claim: 'every order completed or compensated, and all services agree',
      looked: shop.orders.length,
      findings: findTornOrders(shop),
    },
    {
      claim: 'money conserved: orders, payments and the provider agree',
      looked: shop.charges.length,
      findings: findMoneyOff(shop),
    },
    {
      claim: 'stock conserved: on hand + reserved + shipped = initial',
      looked: shop.stock.length,
      findings: findStockOff(shop),
    },
    {
      claim: 'no event lost: every outbox row is in its topic',
      looked: outbox.length,
      findings: findLost(outbox, log),
    },
    {
      claim: 'no event invented or altered: every record has its row',
      looked: log.length,
      findings: findInvented(outbox, log),
    },
    {
      claim: 'order per key kept: the log follows the outbox',
      looked: log.length,
      findings: findReordered(outbox, log),
    },
    {
      claim: 'every event names its predecessor (ce_prev)',
      looked: log.length,
      findings: findBrokenChains(log),
    },
    {
      claim: 'no effect twice, none without an event',
      looked: effects.length,
      findings: findWrongEffects(outbox, effects),
    },
    {
      claim: 'no event passed over by a consumer',
      looked: effects.length,
      findings: findMissingEffects(log, effects, subscriptions, steps),
    },
  ];
}

export function passed(verdicts: readonly Verdict[]): boolean {
  return verdicts.every(({ looked, findings }) => looked > 0 && findings.length === 0);
}
