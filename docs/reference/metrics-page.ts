import { type InstrumentDefinition, SEMANTIC_CONVENTIONS } from '../../libs/telemetry/src/names.ts';
import { prometheusName } from '../../libs/telemetry/src/prometheus-name.ts';

/** The instruments of one part of the kit. */
export interface MetricsSection {
  readonly title: string;
  readonly instruments: readonly InstrumentDefinition[];
}

const HEAD = `# Metrics

Every metric of the kit, as \`/metrics\` of a process shows it. What to watch, and traces and logs, are in [monitoring](../guides/monitoring.md).

- Behind the name: kind, unit and labels. A *histogram* has \`_bucket\`, \`_sum\` and \`_count\` behind its name. Times are in seconds, sizes in bytes.
- Labels are bounded: names that are declared, words of a fixed list, error codes (the first hundred of a process; later ones are \`other\`). A key, an id
  or an offset is never a label.
- Pushed by OTLP (\`OTEL_EXPORTER_OTLP_ENDPOINT\`), a metric has its name with dots and without unit and \`_total\`: \`converge.outbox.backlog\`.
- Attributes of spans that are not our own (\`converge.*\`) follow OpenTelemetry's semantic conventions ${SEMANTIC_CONVENTIONS}.

\`make docs\` generates this page from the instruments in the code. Do not edit it.
`;

/** Renders the page. Pure. */
export function metricsPage(sections: readonly MetricsSection[]): string {
  return [HEAD, ...sections.map(sectionText)].join('\n');
}

function sectionText({ title, instruments }: MetricsSection): string {
  const lines = instruments.map((one) => {
    const labels = one.labels.map((label) => `\`${label.replaceAll('.', '_')}\``).join(' ');
    return `- \`${prometheusName(one)}\` (${[kindOf(one), labels].filter(Boolean).join('; ')}): ${one.description}.`;
  });
  return [`## ${title}\n`, ...lines, ''].join('\n');
}

function kindOf({ kind, unit = '1' }: InstrumentDefinition): string {
  switch (kind) {
    case 'duration':
      return 'histogram, s';
    case 'age':
      return 'gauge, s';
    case 'counter':
    case 'gauge':
    case 'histogram':
      return unit === '1' ? kind : `${kind}, ${unit.replaceAll(/[{}]/g, '')}`;
  }
}
