/** A run in which something was wrong. */
export interface Finding {
  /** Undefined for what was found in the records of all runs together. */
  readonly seed: number | undefined;
  readonly violations: readonly string[];
  /** The actions of the run, in the order in which they happened. */
  readonly trace: readonly string[];
}

/** Runs of a saga's trial failed. The message shows the shortest of them, and how to run it alone. */
export class SagaTrialError extends Error {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[], runs: number, cause?: unknown) {
    super(messageOf(findings, runs), { cause });
    this.name = 'SagaTrialError';
    this.findings = findings;
  }
}

function messageOf(findings: readonly Finding[], runs: number): string {
  const [shortest] = findings.toSorted((a, b) => a.trace.length - b.trace.length);
  if (shortest === undefined) return `${runs} runs failed`;
  const { seed, violations, trace } = shortest;
  const indented = (lines: readonly string[]): string => lines.map((line) => `\n  ${line}`).join('');
  if (seed === undefined) return `the records of ${runs} runs are wrong:${indented(violations)}`;
  return `${findings.length} of ${runs} runs failed. The shortest has seed ${seed}:${indented(violations)}
What happened, in this order:${indented(trace)}
Run it alone, in empty databases: { seed: ${seed}, runs: 1 }`;
}
