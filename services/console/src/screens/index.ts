import type { Screen } from '../screen.ts';
import { attention } from './attention/screen.ts';
import { audit } from './audit/screen.ts';
import { flowView } from './consumers/flow-view.ts';
import { consumerActs } from './consumers/acts.ts';
import { sourceActs } from './consumers/source-acts.ts';
import { reconcilerActs } from './drift/acts.ts';
import { keyView } from './drift/key-view.ts';
import { overviewView } from './drift/overview.ts';
import { reconcilerValues, reconcilerView } from './drift/reconciler-view.ts';
import { repairsView } from './drift/repairs-view.ts';
import { parkedActs, parkedList } from './parked/acts.ts';
import { eventPage } from './parked/event.ts';
import { groupsPage } from './parked/groups.ts';
import { keysPage } from './parked/keys.ts';
import { map } from './map/screen.ts';
import { policyActs } from './policies/acts.ts';
import { policiesView } from './policies/policies-view.ts';
import { policyView } from './policies/policy-view.ts';
import { sagaActs } from './sagas/acts.ts';
import { graphPage } from './sagas/graph.ts';
import { listPage } from './sagas/list.ts';
import { sagaPage } from './sagas/saga.ts';
import { schedulesView } from './schedules/schedules-view.ts';
import { search } from './search/screen.ts';
import { tail } from './tail/screen.ts';

const sagas: Screen = {
  name: 'sagas',
  title: 'Sagas',
  path: '/sagas',
  summary:
    'Every saga by state, step, key, age and reason; one saga as swim lanes, with what an operator can do',
  // The page of one saga comes behind those whose path has a name in the same place.
  routes: [listPage, graphPage, sagaPage, sagaActs],
};

const parked: Screen = {
  name: 'parked',
  title: 'Parked events',
  path: '/parked',
  summary:
    'Parked events and dead letters by handler and failure, down to one event; retry of all that match',
  // The page of one event comes behind those whose path has a name in the same place.
  routes: [groupsPage, keysPage, parkedList, parkedActs, eventPage],
};

/** Drift: what reconcilers found, field by field, and the approval of repairs that are held. */
const drift: Screen = {
  name: 'drift',
  title: 'Drift',
  path: '/drift',
  summary:
    'Reconcilers and their divergent keys: desired, actual and last written; approve repairs that are held',
  routes: [overviewView, keyView, reconcilerView, reconcilerValues, repairsView, reconcilerActs],
};

/** Consumers and relays: how far each is, and what stops it. */
const consumers: Screen = {
  name: 'consumers',
  title: 'Consumers and relays',
  path: '/consumers',
  summary: 'Backlog, lag, watermarks, gaps, leaders; pause a consumer, resume what is halted, fill gaps',
  routes: [flowView, consumerActs, sourceActs],
};

/** Schedules: the next and the last run of each reconciler; pause, resume and run all that match. */
const schedules: Screen = {
  name: 'schedules',
  title: 'Schedules',
  path: '/schedules',
  summary: 'Next, last and missed runs of reconcilers; pause, resume or run all that match a filter',
  routes: [schedulesView],
};

/** Policies: what they do, the load they add, and what changed beside the failed attempts. */
const policies: Screen = {
  name: 'policies',
  title: 'Policies',
  path: '/policies',
  summary:
    'Central policies: explained, simulated, and what changed, by whom, beside the failed attempts over time',
  routes: [policiesView, policyView, policyActs],
};

/** The screens in the order of the menu. */
export const screens: readonly Screen[] = [
  attention,
  map,
  sagas,
  parked,
  drift,
  search,
  tail,
  consumers,
  schedules,
  policies,
  audit,
];
