import type { AlertCase } from './alert-case.ts';
import { consumerCases } from './consumers.ts';
import { objectiveCases } from './objectives.ts';
import { reconcilerCases } from './reconcilers.ts';
import { relayCases } from './relay.ts';
import { sagaCases } from './sagas.ts';

/** The cases of the alerts in each file of rules. */
export const alertCases: Readonly<Record<string, readonly AlertCase[]>> = {
  'relay.rules.yaml': relayCases,
  'consumers.rules.yaml': consumerCases,
  'sagas.rules.yaml': sagaCases,
  'reconcilers.rules.yaml': reconcilerCases,
  'slo.rules.yaml': objectiveCases,
};
