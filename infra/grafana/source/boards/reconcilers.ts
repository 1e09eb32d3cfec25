import { type Dashboard, named, rare } from '../model.ts';
import { maxOf, occurred, perSecond, quantile, recentMean, sinceStart } from '../queries.ts';
import { chosen, is, noneOf, oneOf } from '../series.ts';

const where = { reconciler: chosen('reconciler') };
const byReconciler = { where, by: ['reconciler'] } as const;
const reconciler = named('reconciler');

export const reconcilers: Dashboard = {
  id: 'reconcilers',
  title: 'Reconcilers',
  description: 'Drift found and repaired, how old the last verdict is, and whether repairs hold.',
  variables: [{ label: 'reconciler', of: 'reconcileQueue' }],
  rows: [
    {
      title: 'Drift',
      panels: [
        {
          title: 'Verdicts other than in sync',
          description:
            'Looks at keys that differ. pending: events of the key are under way. unknown: a side could not be read.',
          unit: 'ops',
          stacked: true,
          queries: [
            perSecond('reconcileVerdicts', {
              where: { ...where, verdict: noneOf('in_sync') },
              by: ['reconciler', 'verdict'],
            }),
          ],
        },
        {
          title: 'Looks at keys',
          description:
            'Keys compared one by one, by outcome. Scans by digests look only at keys of ranges that differ.',
          unit: 'ops',
          queries: [perSecond('reconcileVerdicts', { where, by: ['outcome'] })],
        },
        {
          title: 'Oldest drift not repaired',
          description: 'Since the drift was seen first. It rises while repairs are held, or wait for events.',
          unit: 's',
          alarmFrom: 900,
          queries: [maxOf('reconcilePendingAge', byReconciler)],
        },
        {
          title: 'Time to repair',
          description: 'From the first look at a drift to its repair, drawn at the time of the repair.',
          unit: 's',
          queries: [{ promql: recentMean('reconcileRecovery', byReconciler), legend: `${reconciler} mean` }],
        },
        {
          title: 'Stabilised or flapping',
          description:
            'Repairs that were made, and keys that diverged again after each. Flapping: another writer works against them.',
          queries: [
            {
              promql: sinceStart('reconcileVerdicts', {
                where: { ...where, outcome: is('repaired') },
                by: ['reconciler'],
              }),
              legend: `${reconciler} repaired`,
            },
            rare(
              sinceStart('reconcileVerdicts', {
                where: { ...where, outcome: is('flapping') },
                by: ['reconciler'],
              }),
              `${reconciler} flapping`,
            ),
          ],
        },
        {
          title: 'Left to an operator',
          description:
            'Keys that no program repairs, and repairs that were rolled back, since the processes started.',
          alarmFrom: 1,
          queries: [
            rare(
              sinceStart('reconcileVerdicts', {
                where: { ...where, outcome: oneOf('unresolvable', 'refused') },
                by: ['reconciler', 'outcome'],
              }),
            ),
          ],
        },
        {
          kind: 'stat',
          title: 'Repairs held',
          description: '1 while repairs wait for an approval: `converge reconcile diff`, then approve.',
          alarmFrom: 1,
          queries: [maxOf('reconcileHeld', byReconciler)],
        },
        {
          title: 'Keys that wait',
          description: 'The queue of keys to be compared or repaired.',
          queries: [maxOf('reconcileQueue', byReconciler)],
        },
        {
          title: 'Wait of keys that are due',
          description:
            'The oldest key that is due now, and the 99th percentile from due to claimed. Raise `workers` if it grows.',
          unit: 's',
          queries: [
            { promql: maxOf('reconcileQueueAge', byReconciler), legend: `${reconciler} oldest` },
            { promql: quantile(0.99, 'reconcileQueueWait', byReconciler), legend: `${reconciler} 99 %` },
          ],
        },
        {
          title: 'Findings of the scans',
          description: 'What the scans of outboxes and journals found in the last round, by alarm.',
          alarmFrom: 1,
          queries: [maxOf('scanFindings', { by: ['alarm'] })],
        },
      ],
    },
    {
      title: 'Runs',
      panels: [
        {
          title: 'Age of the last completed run',
          description: 'How old the verdict about all keys is.',
          unit: 's',
          queries: [maxOf('reconcileAge', byReconciler)],
        },
        {
          title: 'Next start',
          description: 'Time until the next scheduled run. Below zero it is due.',
          unit: 's',
          queries: [maxOf('reconcileNext', byReconciler)],
        },
        {
          title: 'Duration of a run',
          description: 'Longer than the interval of its schedule: starts are left out.',
          unit: 's',
          queries: [
            { promql: quantile(0.99, 'reconcileRunDuration', byReconciler), legend: `${reconciler} 99 %` },
          ],
        },
        {
          kind: 'stat',
          title: 'Runs',
          description: 'Runs in the shown time, by outcome.',
          queries: [occurred('reconcileRuns', { where, by: ['reconciler', 'outcome'] })],
        },
        {
          kind: 'stat',
          title: 'Missed starts',
          description: 'Scheduled starts that were not made, since the processes started.',
          queries: [rare(sinceStart('reconcileMissed', byReconciler))],
        },
        {
          kind: 'stat',
          title: 'Paused',
          description: '1 while an operator has paused the reconciler.',
          queries: [maxOf('reconcilePaused', byReconciler)],
        },
        {
          title: 'Ranges compared by digests',
          description: 'Ranges of keys by outcome. different: their keys are looked at one by one.',
          unit: 'ops',
          queries: [rare(perSecond('reconcileDigestRanges', { where, by: ['reconciler', 'outcome'] }))],
        },
        {
          title: 'Rows hashed by digests',
          description: 'Rows of the larger side, by mode. version and key cost less than full.',
          unit: 'ops',
          queries: [rare(perSecond('reconcileDigestRows', { where, by: ['reconciler', 'digestMode'] }))],
        },
        {
          title: 'Duration of a digest scan',
          description: 'One pass over all ranges, by how it ended.',
          unit: 's',
          queries: [
            rare(quantile(0.99, 'reconcileDigestDuration', { where, by: ['reconciler', 'outcome'] })),
          ],
        },
      ],
    },
  ],
};
