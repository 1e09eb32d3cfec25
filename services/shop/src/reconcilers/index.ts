/** The shop's reconcilers, for `converge reconcile run services/shop/src/reconcilers/index.ts`. */
export { orderListVsPayments } from './order-list.ts';
export { paymentsReconciler } from './provider.ts';
export { stockCounters } from './stock-counters.ts';
export { stockVsOrders } from './stock-vs-orders.ts';
