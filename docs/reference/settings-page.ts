import type { SettingEntry } from '@convergekit/config/engine';

/** The settings of one kind of process. */
export interface SettingsSection {
  readonly title: string;
  readonly intro: string;
  readonly entries: readonly SettingEntry[];
}

const HEAD = `# Settings

Every setting has a path in a YAML file and an environment variable. Defaults come first, then the file (\`--config <file>\`), then the
environment, then flags; the last one wins.

\`\`\`sh
export DATABASE_URL=postgres://app:secret@db:5432/orders   # database.url
export CONVERGE__RELAY__LEASE_MS=10000                     # relay.leaseMs
export CONVERGE__KAFKA__SASL__PASSWORD_FILE=/run/secrets/kafka   # kafka.sasl.password, from a file
\`\`\`

- Add \`_FILE\` to any variable to read its value from a file. Use it for secrets.
- \`converge print-config\` prints the values in force and where each was set; \`--all\` adds the defaults.
- A name that does not exist, or a value out of range, stops the process with exit code 78 and a list of everything that is wrong.
- \`ms\` are milliseconds. \`<name>\` is a name of your choice; \`__\` in its variable is a dot.

\`make docs\` generates this page from the schemas in the code. Do not edit it.
`;

/** The OpenTelemetry SDK reads its own variables; they are no settings of ours. */
const TELEMETRY = `## Variables of others

- \`OTEL_*\` configures traces and metrics as [OpenTelemetry defines it](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
  Without \`OTEL_EXPORTER_OTLP_ENDPOINT\` nothing is exported; /metrics of the health port works without it.
- \`PGHOST\`, \`PGPORT\`, \`PGUSER\`, \`PGPASSWORD\`, \`PGDATABASE\`, \`PGSSLMODE\`, \`PGSSLROOTCERT\` replace \`DATABASE_URL\` for the commands.
- \`NODE_EXTRA_CA_CERTS\` adds a certificate authority for all connections.
- \`NO_COLOR\` turns colours of the log off.
`;

/** Renders the page. Pure. */
export function settingsPage(sections: readonly SettingsSection[]): string {
  return [HEAD, ...sections.map(sectionText), TELEMETRY].join('\n');
}

/** Lists what a reader would miss: a setting without a description, a number without a unit. Pure. */
export function gapsOf(sections: readonly SettingsSection[]): readonly string[] {
  const gaps = sections.flatMap(({ entries }) =>
    entries.flatMap(({ path, description, unit, range }) => [
      ...(description === undefined ? [`${path} has no description: add .describe() to its schema`] : []),
      ...(unit === '' && /\bnumber\b/.test(range)
        ? [`${path} is a number without a unit: end its name with Ms, or add .meta({ unit }) to its schema`]
        : []),
    ]),
  );
  return [...new Set(gaps)];
}

function sectionText({ title, intro, entries }: SettingsSection): string {
  const groups = Object.entries(Object.groupBy(entries, ({ path }) => path.split('.')[0] ?? ''));
  const tables = groups.map(([name, rows = []]) => `### ${name}\n\n${tableOf(rows)}\n`);
  return [`## ${title}\n\n${intro}\n`, ...tables].join('\n');
}

function tableOf(entries: readonly SettingEntry[]): string {
  return [
    '| setting | variable | default | accepts | what it does |',
    '| --- | --- | --- | --- | --- |',
    ...entries.map(
      ({ path, variables, fallback, unit, range, description = '' }) =>
        `| ${[code(path), variables.map(code).join(' '), fallback, withUnit(range, unit), description].map(cell).join(' | ')} |`,
    ),
  ].join('\n');
}

function withUnit(range: string, unit: string): string {
  return unit === '' || unit === 'none' ? range : `${range} (${unit})`;
}

const code = (text: string): string => `\`${text}\``;
/** A pipe ends a cell, and \`<\` outside code starts a tag. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/<(?![^`]*`)/g, '&lt;');
