import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';

/** The response to a scrape. */
export interface Scraped {
  readonly contentType: string;
  readonly body: string;
}

/** Collects metrics on request. It opens no port: the process's HTTP server serves it. */
export interface Scrape {
  readonly reader: PrometheusExporter;
  read(): Promise<Scraped>;
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Creates a scrape. Call it before the SDK starts, which takes `reader` as one of its metric readers. */
export function makeScrape(): Scrape {
  const reader = new PrometheusExporter({ preventServerStart: true });
  // Scope labels would double the length of every line with one constant word.
  const serializer = new PrometheusSerializer('', false, undefined, false, true);
  return {
    reader,
    read: async () => {
      const { resourceMetrics } = await reader.collect();
      return { contentType: CONTENT_TYPE, body: serializer.serialize(inBaseUnits(resourceMetrics)) };
    },
  };
}

type Collected = Awaited<ReturnType<PrometheusExporter['collect']>>['resourceMetrics'];

// Adds the base unit to a metric's name, as Prometheus requires. The serializer omits it, and a dashboard that reads
// seconds as milliseconds is wrong by a factor of a thousand without any sign.
function inBaseUnits(found: Collected): Collected {
  return {
    ...found,
    scopeMetrics: found.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => ({
        ...metric,
        descriptor: { ...metric.descriptor, name: prometheusName(metric.descriptor) },
      })),
    })),
  };
}

/** Converts `converge.outbox.age` in seconds to `converge.outbox.age_seconds`; the serializer replaces the dots. */
function prometheusName({ name, unit }: { readonly name: string; readonly unit: string }): string {
  return unit === 's' && !name.endsWith('_seconds') ? `${name}_seconds` : name;
}
