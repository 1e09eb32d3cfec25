import { shellWord } from '@convergekit/core/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { Counter } from '@convergekit/postgres/engine';
import type { Claim, Outcome, OutcomeKind } from '../claim.ts';
import { pendingText } from '../in-flight/pending.ts';
import type { Reconciler } from '../reconciler.ts';
import { reasonOf, verdictOf } from './verdict.ts';

/** Records an outcome in metrics and in the log. An outcome that an operator must act on is an alarm. */
export function reportOutcome(
  { reconciler: { name }, log }: { readonly reconciler: Reconciler; readonly log: Logger },
  claim: Claim,
  outcome: Outcome,
): void {
  const { key, cause } = claim;
  const { kind } = outcome;
  const reconciler = { [attributeNames.reconciler]: name };
  instruments().reconcileVerdicts.add(1, {
    ...reconciler,
    [attributeNames.verdict]: verdictOf(kind),
    [attributeNames.outcome]: kind,
  });
  const [about, at] = [{ reconciler: name, key }, `${name} ${shellWord(key)}`];
  const alarm = (alarmName: string, text: string): void =>
    log.error({ alarm: alarmName, ...about, reason: reasonOf(outcome) }, text);
  switch (kind) {
    case 'in_sync':
    case 'changed':
    case 'stale':
    case 'conflict':
      return;
    case 'pending':
      return reportPending(log, about, outcome);
    case 'observed':
      if (outcome.mode === 'warn') log.warn(about, 'drift');
      return;
    case 'repaired':
      instruments().reconcileRecovery.recordMs(claim.divergedForMs ?? 0, reconciler);
      return log.info({ ...about, cause }, 'repaired');
    case 'held':
      if (outcome.first)
        alarm(
          'reconcile_held',
          `too many repairs are due: they are held. See \`converge reconcile diff ${name}\`; approve them by \`converge reconcile approve ${name} --repairs n --reason …\``,
        );
      return;
    case 'unresolvable':
      alarm(
        'reconcile_unresolvable',
        `no program may repair this drift: see \`converge reconcile diff ${at}\``,
      );
      return;
    case 'flapping':
      alarm(
        'reconcile_flapping',
        `a key diverges after each repair and is left to an operator: see \`converge reconcile audit ${at}\``,
      );
      return;
    case 'refused':
      alarm('reconcile_refused', `a repair was rolled back: see \`converge reconcile audit ${at}\``);
      return;
    case 'unknown':
    case 'failed': {
      const { category, code, message } = outcome.failure;
      log.warn({ ...about, category, code }, message);
      return;
    }
  }
}

/** Counts a look at a key for the charts. A key whose sides could not be read is no drift. */
export function countOutcome(counter: Pick<Counter, 'add'>, kind: OutcomeKind): void {
  counter.add('done');
  if (kind === 'repaired') counter.add('repaired');
  const isFailed = kind === 'failed' || verdictOf(kind) === 'unknown';
  const isDrift = verdictOf(kind) === 'resolvable' || verdictOf(kind) === 'unresolvable';
  if (isFailed) counter.add('failed');
  else if (isDrift) counter.add('drifted');
}

/** Logs what a key waits for, once and not at every look. */
function reportPending(
  log: Logger,
  about: Readonly<Record<string, string>>,
  { pending, wait }: Extract<Outcome, { kind: 'pending' }>,
): void {
  if (pending.kind !== 'settling' && wait.looks === 1)
    log.info({ ...about, pending: pending.kind }, pendingText(pending));
}
