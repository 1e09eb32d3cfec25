import type { CampaignResult } from './campaign.ts';
import { passed } from './judge.ts';

/** Formats the result of a run: the ends, the faults, the checks, and one line for the record. */
export function report(
  { ends, stuck, faults, checks, restarts, driveMs, restMs }: CampaignResult,
  command: string,
): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const failed = checks.filter((check) => !passed(check));
  return [
    command,
    '',
    ...[...ends].map(
      ([saga, { completed, compensated, stuck: waiting, open }]) =>
        `${saga}: ${completed} completed, ${compensated} compensated, ${waiting} stuck, ${open} open`,
    ),
    ...(stuck.size === 0 ? [] : [`waiting for a person: ${list(stuck)}`]),
    `faults in ${seconds(driveMs)}: ${list(faults)}; ${restarts} restarts; at rest ${seconds(restMs)} after the last`,
    '',
    ...checks.flatMap((check) => [
      `  ${passed(check) ? 'ok  ' : 'FAIL'}  ${check.claim} (${check.looked === 0 ? 'nothing to look at' : `${check.looked} looked at, ${check.findings.length} wrong`})`,
      ...check.findings.slice(0, 5).map((finding) => `          ${finding}`),
      ...(check.findings.length > 5 ? [`          … and ${check.findings.length - 5} more`] : []),
    ]),
    '',
    `${checks.length - failed.length} passed, ${failed.length} failed`,
    '',
  ].join('\n');
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${what} (${count})`).join(', ');
}
