import type { Screen } from '../../screen.ts';
import { policiesView } from './policies-view.ts';
import { policyView } from './policy-view.ts';

/** Policies: what they do, the load they add, and what changed beside the failed attempts. */
export const policies: Screen = {
  name: 'policies',
  title: 'Policies',
  path: '/policies',
  summary:
    'Central policies: explained, simulated, and what changed, by whom, beside the failed attempts over time',
  routes: (context) => {
    policiesView(context);
    policyView(context);
  },
};
