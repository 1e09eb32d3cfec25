import { balancesOf } from './balances.ts';

/** The banks' reconcilers, for `converge reconcile run services/transfers/src/reconcilers/index.ts`. */
export const giroBalances = balancesOf('giro');
export const savingsBalances = balancesOf('savings');
export { depositsVsTransfers } from './deposits.ts';
