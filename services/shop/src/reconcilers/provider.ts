import { systemClock } from 'convergekit';
import { providerLedger } from '../payments/provider-ledger.ts';
import { paymentsVsProvider } from './payments-vs-provider.ts';

/** The address of the payment provider for the reconciler's process. */
const url = process.env['SHOP_PROVIDER_URL'] ?? 'http://127.0.0.1:8090';

/** At most 20 calls in a second on average, as the provider prescribes. */
export const paymentsReconciler = paymentsVsProvider(
  providerLedger(url, { perSecond: 20, burst: 20 }, systemClock),
);
