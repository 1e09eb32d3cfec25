/** One thing that is wrong in the configuration. Secrets are masked here already. */
export interface ConfigIssue {
  /** As in the YAML file: `relay.poll.maxMs`. */
  readonly path: string;
  /** Where the value came from, for example `environment CONVERGE__RELAY__POLL__MAX_MS`. */
  readonly source: string;
  /** The value as text, masked where it is secret; absent when nothing was set. */
  readonly value?: string;
  readonly message: string;
  readonly fix: string;
}

/** All that is wrong with a configuration, at once. A process that meets it exits with 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly category = 'configuration';
  readonly certainty = 'not_applied';
  readonly exitCode = 78;
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    const head =
      issues.length === 1
        ? 'the configuration has an error'
        : `the configuration has ${issues.length} errors`;
    super(`${head}:\n${issues.map(line).join('\n')}`);
    this.name = 'ConfigError';
    this.issues = issues;
  }
}

function line({ path, source, value, message, fix }: ConfigIssue): string {
  const what = value === undefined ? path : `${path} = ${value}`;
  return `- ${what} (${source}): ${message}. ${fix}${fix.endsWith('?') ? '' : '.'}`;
}
