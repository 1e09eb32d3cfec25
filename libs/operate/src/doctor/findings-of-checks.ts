import type { Check, Checked } from '../conditions/checks.ts';
import { formatMs } from '../text.ts';
import type { Finding } from './finding.ts';

/** Lists the findings of a check, each under the name of its condition (pure). `now`: by the clock of what wrote it. */
export function findingsOf({ check, found }: Checked, now: number): readonly Finding[] {
  if (found === undefined) return [refused(check)];
  if (found.length === 0) return [{ check: check.name, verdict: 'ok', text: check.sound }];
  return found.map(({ alarm, severity, text, since, next }) => ({
    check: severity === 'note' ? check.name : `alarm ${alarm}`,
    verdict: severity === 'act' ? 'fail' : 'warn',
    text: since === null ? text : `${text} (for ${formatMs(now - since.getTime())})`,
    next,
  }));
}

function refused({ name: check }: Check): Finding {
  const text = 'not checked: this role may not read its tables (`converge roles read` prints the grants)';
  return { check, verdict: 'skip', text };
}
