/** An issue of the configuration, with secrets already masked. */
export interface ConfigIssue {
  /** The path as in the YAML file: `relay.poll.maxMs`. */
  readonly path: string;
  /** The source of the value, for example `environment CONVERGE__RELAY__POLL__MAX_MS`. */
  readonly source: string;
  /** The value as text, masked when secret; absent when nothing was set. */
  readonly value?: string;
  readonly message: string;
  readonly fix: string;
}

/**
 * The error with the issues of a configuration. A process that catches this error exits with 78 (EX_CONFIG of
 * sysexits.h).
 */
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
