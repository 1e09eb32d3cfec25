import { screens } from '../../services/console/src/screens/index.ts';

/** A page to measure, and what it is about. */
export interface MeasuredPage {
  readonly what: string;
  readonly path: string;
}

/** The pages of the menu, and those behind them that read the most (pure). */
export function pagesOf({
  stuck,
  completed,
  parked,
}: {
  readonly stuck: string;
  readonly completed: string;
  readonly parked: string;
}): readonly MeasuredPage[] {
  const step = `/sagas/${stuck}/shop/ship`;
  return [
    ...screens.map(({ title, path }) => ({ what: title, path })),
    { what: 'Sagas: the whole history', path: '/sagas?state=any' },
    { what: 'Sagas: completed', path: '/sagas?state=completed' },
    { what: 'Sagas: by key', path: '/sagas?key=order-77777' },
    { what: 'Sagas: by trace', path: '/sagas?trace=28dd2c7955ce926456240b2ff0100bde' },
    { what: 'Sagas: by reason, old ones', path: '/sagas?state=any&reason=truck&older=2d' },
    { what: 'Sagas: a reason that none has', path: '/sagas?state=any&reason=nothing-like-this' },
    { what: 'Sagas: open at a step, 5 attempts or more', path: '/sagas?state=any&step=ship&attempts=5' },
    { what: 'Sagas: graphs', path: '/sagas/graph' },
    { what: 'One saga, stuck', path: `/sagas/${stuck}` },
    { what: 'One saga, completed', path: `/sagas/${completed}` },
    { what: 'Resolve a step', path: `${step}/resolve` },
    { what: 'Failures: of a span', path: '/failures?since=2026-01-01T00:00:00Z' },
    { what: 'Failures: keys of a group of 80 %', path: '/failures/keys?code=CARRIER_DOWN' },
    { what: 'Failures: events of a group of 10 %', path: '/failures/events?code=ECONNREFUSED' },
    { what: 'Failures: one event', path: `/failures/events/shop/${parked}` },
    { what: 'Failures: dry run of 80,000', path: '/failures/replay?code=CARRIER_DOWN' },
    { what: 'Drift: 100,000 held keys of one reconciler', path: '/drift/shop/parcels' },
    { what: 'Drift: behind a key', path: '/drift/shop/parcels?after=order-50000' },
    { what: 'Drift: a verdict that none has', path: '/drift/shop/parcels?verdict=unknown' },
    { what: 'Drift: one key', path: '/drift/key?key=order-50000' },
    { what: 'Drift: preview of an approval', path: '/drift/shop/parcels/approve' },
    { what: 'Drift: repairs', path: '/drift/shop/parcels/repairs' },
    { what: 'Policies: of 30 days', path: '/policies?hours=720' },
    { what: 'One policy', path: '/policies/shop/default' },
    { what: 'Search: a saga', path: `/search?q=${completed}` },
    { what: 'Search: a key', path: '/search?q=order-77777' },
    { what: 'Search: nothing', path: '/search?q=nothing-like-this' },
  ];
}
