import { logger } from '@convergekit/telemetry';
import { type Reconciler, reconcilerService, type RunCounts } from '@convergekit/reconcile';
import { systemClock } from '@convergekit/core';
import { providerLedger } from '../../services/shop/src/payments/provider-ledger.ts';
import { orderListVsPayments } from '../../services/shop/src/reconcilers/order-list.ts';
import { paymentsVsProvider } from '../../services/shop/src/reconcilers/payments-vs-provider.ts';
import { stockCounters } from '../../services/shop/src/reconcilers/stock-counters.ts';
import { stockVsOrders } from '../../services/shop/src/reconcilers/stock-vs-orders.ts';
import { balancesOf } from '../../services/transfers/src/reconcilers/balances.ts';
import { depositsVsTransfers } from '../../services/transfers/src/reconcilers/deposits.ts';
import type { Check } from './judge.ts';
import type { World } from './world.ts';

/**
 * Runs every reconciler of both samples once, on a world at rest in which none ran before. A key that differs is a
 * finding: sagas come out right without repairs.
 */
export async function reconciled({ shop, banks }: World): Promise<readonly Check[]> {
  const provider = providerLedger(shop.providerUrl, { perSecond: 200, burst: 200 }, systemClock);
  const reconcilers: readonly Reconciler[] = [
    stockVsOrders,
    stockCounters,
    paymentsVsProvider(provider),
    orderListVsPayments,
    balancesOf('giro'),
    balancesOf('savings'),
    depositsVsTransfers,
  ];
  const service = reconcilerService(reconcilers, {
    databases: { ...shop.databases, ...banks.databases },
    log: logger('reconcile'),
  });
  return [...(await service.runOnce())].map(([name, counts]) => check(name, counts));
}

/** The check of one reconciler (pure). */
export function check(name: string, { keys, compared, unknown, outcomes }: RunCounts): Check {
  const found = Object.entries(outcomes).filter(([outcome, count]) => outcome !== 'in_sync' && count > 0);
  return {
    claim: `the reconciler ${name} finds no key that differs`,
    looked: Math.max(keys, compared),
    findings: [
      ...found.map(([outcome, count]) => `${outcome}: ${count} keys`),
      ...(unknown > 0 ? [`unknown: ${unknown} parts could not be read`] : []),
    ],
  };
}
