import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';

/** What a scrape answers. */
export interface Scraped {
  readonly contentType: string;
  readonly body: string;
}

/** Collects when it is asked, and holds no port of its own: whoever has an HTTP server serves it. */
export interface Scrape {
  readonly reader: PrometheusExporter;
  read(): Promise<Scraped>;
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Made before the SDK starts, which takes `reader` as one of its metric readers. */
export function makeScrape(): Scrape {
  const reader = new PrometheusExporter({ preventServerStart: true });
  // Scope labels would double the size of every line to say the same word.
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

// Prometheus names a base unit in the metric's name. The serializer leaves that out, and a dashboard that takes
// seconds for milliseconds is wrong by a thousand without a sign of it.
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

/** `converge.outbox.age` in seconds → `converge.outbox.age_seconds`; the serializer replaces the dots. */
function prometheusName({ name, unit }: { readonly name: string; readonly unit: string }): string {
  return unit === 's' && !name.endsWith('_seconds') ? `${name}_seconds` : name;
}
