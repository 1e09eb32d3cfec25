import { areas, type Area, dated, examine, type Examination } from '../attention/areas.ts';
import type { FoundCondition } from '../attention/item.ts';
import { formatMs } from '../text.ts';
import type { Finding } from './finding.ts';

/** What the service of a database has: its findings, and the topics that its consumers read and write. */
interface ExaminedService {
  readonly findings: readonly Finding[];
  readonly topics: readonly string[];
}

/** Examines the relay, consumers, sagas, calls and reconcilers of a database. */
export async function examineService(given: Examination): Promise<ExaminedService> {
  const of = await dated(given);
  const findings: Finding[] = [];
  const topics: string[] = [];
  for (const area of areas) {
    const found = await examine(area, of);
    findings.push(...(found === undefined ? [refused(area)] : checkArea(area, found, of.now)));
    topics.push(...(found?.topics ?? []));
  }
  return { findings, topics };
}

function refused({ name: check }: Area): Finding {
  const text = 'not checked: this role may not read its tables (`converge roles read` prints the grants)';
  return { check, verdict: 'skip', text };
}

/** Lists the findings of an area, each under the name of its alarm (pure). */
export function checkArea(
  { name: check }: Pick<Area, 'name'>,
  { conditions, sound }: { readonly conditions: readonly FoundCondition[]; readonly sound: string },
  now: number,
): readonly Finding[] {
  if (conditions.length === 0) return [{ check, verdict: 'ok', text: sound }];
  return conditions.map((one) => ({
    check: one.severity === 'note' ? check : `alarm ${one.alarm}`,
    verdict: one.severity === 'act' ? 'fail' : 'warn',
    text: one.since === null ? one.text : `${one.text} (for ${formatMs(now - one.since.getTime())})`,
    next: one.next,
  }));
}
