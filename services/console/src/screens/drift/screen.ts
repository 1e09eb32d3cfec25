import type { Screen } from '../../screen.ts';
import { approvalAction } from './approval.ts';
import { keyView } from './key-view.ts';
import { overviewView } from './overview.ts';
import { reconcilerView } from './reconciler-view.ts';
import { declaredReconcilers } from './read-drift.ts';
import { repairsView } from './repairs-view.ts';

/** Drift: what reconcilers found, field by field, and the approval of repairs that are held. */
export const drift: Screen = {
  name: 'drift',
  title: 'Drift',
  path: '/drift',
  summary:
    'Reconcilers and their divergent keys: desired, actual and last written; approve repairs that are held',
  routes: (context) => {
    const declared = declaredReconcilers(context);
    overviewView(context);
    keyView(context, declared);
    reconcilerView(context, declared);
    repairsView(context);
    approvalAction(context);
  },
};
