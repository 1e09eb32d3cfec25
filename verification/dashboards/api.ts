/** A series of a range query: its labels, and its values with their times in seconds. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly { readonly at: number; readonly value: number }[];
}

export interface Range {
  /** Seconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Seconds between two values. */
  readonly step: number;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

/** Evaluates a query over a range by the HTTP API. Rejects with Prometheus' reason when the query is wrong. */
export async function queryRange(url: string, promql: string, range: Range): Promise<readonly Series[]> {
  const { data } = await ask<Answer>(url, 'query_range', {
    query: promql,
    start: String(range.from),
    end: String(range.to),
    step: String(range.step),
  });
  return data.result.map(({ metric, values }) => ({
    labels: metric,
    values: values.map(([at, value]) => ({ at, value: Number(value) })),
  }));
}

/** Returns the label sets of all series that match. */
export async function findSeries(
  url: string,
  selector: string,
): Promise<readonly Readonly<Record<string, string>>[]> {
  const { data } = await ask<{ data: readonly Readonly<Record<string, string>>[] }>(url, 'series', {
    'match[]': selector,
  });
  return data;
}

async function ask<T>(url: string, path: string, parameters: Record<string, string>): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters),
  });
  const answer = (await response.json()) as T & { readonly status: string; readonly error?: string };
  if (answer.status !== 'success')
    throw new Error(`Prometheus refused ${JSON.stringify(parameters)}: ${answer.error ?? 'no reason'}`);
  return answer;
}
