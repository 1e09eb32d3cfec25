/** The shop's reconcilers, for `converge reconcile run services/shop/src/reconcilers/index.ts`. */
export { stockCounters } from './stock-counters.ts';
export { stockVsOrders } from './stock-vs-orders.ts';
