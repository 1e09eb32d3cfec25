/** What the modules of users declare: events, sagas, reconcilers. */
export { type Declarations, declarationsOf } from './declarations.ts';
export { importEvents, isEvent } from './events.ts';
export { loadReconcilers, reconcilersOfSettings } from './reconcilers.ts';
export { importSagas, isSaga } from './sagas.ts';
