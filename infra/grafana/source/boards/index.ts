import type { Dashboard } from '../model.ts';
import { consumers } from './consumers.ts';
import { objectives } from './objectives.ts';
import { overview } from './overview.ts';
import { reconcilers } from './reconcilers.ts';
import { relay } from './relay.ts';
import { retries } from './retries.ts';
import { sagas } from './sagas.ts';

/** All dashboards: one file of infra/grafana/dashboards for each. */
export const dashboards: readonly Dashboard[] = [
  overview,
  relay,
  consumers,
  retries,
  sagas,
  reconcilers,
  objectives,
];
