import type { ScenarioRun } from './run.ts';
import { repairReport } from '../demo/show/repair-report.ts';
import { holds } from './run.ts';

export interface ReportHead {
  /** The machine and versions, a line each. */
  readonly machine: readonly string[];
  readonly command: string;
  readonly date: string;
}

const judged = { agrees: 'as expected', disagrees: 'NOT as expected', not_settled: 'NOT settled' } as const;

/** Writes the runs as a page of Markdown. */
export function scenarioReport(runs: readonly ScenarioRun[], { machine, command, date }: ReportHead): string {
  return [
    '# Scenarios: what to expect, and what was seen',
    '',
    `Written by \`${command}\` on ${date}; edit the scenarios in verification/scenarios, not this page. Each scenario is the whole shop with`,
    'real Postgres, real Kafka and real processes, in a fresh world; afterwards an audit reads every database and every topic.',
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    ...runs.flatMap(sectionOf),
  ].join('\n');
}

function sectionOf({ scenario, load, seed, judgement, outcome, figures, invariants }: ScenarioRun): string[] {
  const claims = [
    ...outcome.verdicts.map(({ claim, looked, findings }) => ({
      claim,
      looked,
      wrong: findings.map(({ kind, message }) => `${kind}: ${message}`),
    })),
    ...invariants,
  ];
  return [
    `## ${scenario.title}`,
    '',
    `**Load.** ${load.perSecond} orders a second for ${load.seconds} s (seed ${seed}).`,
    '',
    '**Expected.**',
    '',
    ...scenario.expectation.map((sentence) => `- ${sentence}`),
    '',
    `**Seen: ${judged[judgement]}.**`,
    '',
    '| figure | value |',
    '| --- | --- |',
    ...[...outcome.figures, ...figures].map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '| claim | looked at | wrong |',
    '| --- | --- | --- |',
    ...claims.map(
      (one) => `| ${one.claim} | ${one.looked} | ${holds(one) ? '0' : `**${one.wrong.length}**`} |`,
    ),
    '',
    ...repairSection(outcome.repairs),
    ...claims.flatMap(({ wrong }) => wrong.slice(0, 5).map((message) => `- ${message}`)),
    '',
  ];
}

function repairSection(repairs: ScenarioRun['outcome']['repairs']): readonly string[] {
  if (repairs.length === 0) return [];
  return ['**Drift repaired, before → after.**', '', '```text', ...repairReport(repairs), '```', ''];
}
