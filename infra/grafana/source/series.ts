import { attributeNames, instrumentDefinitions } from '../../../libs/telemetry/src/names.ts';
import { prometheusLabel, seriesNames } from '../../../libs/telemetry/src/prometheus-name.ts';

type Definitions = typeof instrumentDefinitions;
type OfKind<Kind extends string> = {
  [Name in keyof Definitions]: Definitions[Name]['kind'] extends Kind ? Name : never;
}[keyof Definitions];

/** Instruments by how they are queried: a name of another kind does not compile. */
export type Counter = OfKind<'counter'>;
export type Level = OfKind<'gauge' | 'age'>;
export type Distribution = OfKind<'histogram' | 'duration'>;
export type Instrument = Counter | Level | Distribution;

export type Label = keyof typeof attributeNames;
/** The labels that an instrument is recorded with: another one does not compile. */
export type LabelOf<Name extends Instrument> = {
  [One in Label]: (typeof attributeNames)[One] extends Definitions[Name]['labels'][number] ? One : never;
}[Label];

/** A condition on a label: the operator and the quoted value, such as `="dead"`. */
export type Matcher = `${'=' | '=~' | '!~'}"${string}"`;
export type Where<Names extends Label = Label> = { readonly [Name in Names]?: Matcher };

/** Which series a query reads, and by which labels it keeps them apart. */
export interface Selection<Names extends Label = Label> {
  readonly where?: Where<Names>;
  readonly by?: readonly Names[];
}

export const is = (value: string): Matcher => `="${value}"`;
export const oneOf = (...values: readonly string[]): Matcher => `=~"${values.join('|')}"`;
export const noneOf = (...values: readonly string[]): Matcher => `!~"${values.join('|')}"`;
/** The value that is chosen at the top of the dashboard. */
export const chosen = (label: Label): Matcher => `=~"$${label}"`;

export function label(name: Label): string {
  return prometheusLabel(attributeNames[name]);
}

/** Returns the selector of an instrument's series; of a distribution, the one with this suffix. */
export function selector<Name extends Instrument>(
  instrument: Name,
  where: Where<LabelOf<Name>> = {},
  suffix: '' | '_bucket' | '_sum' | '_count' = '',
): string {
  const name = seriesNames(instrumentDefinitions[instrument]).find((one) => one.endsWith(suffix)) ?? '';
  const matchers = Object.entries(where).map(([one, matcher]) => `${label(one as Label)}${String(matcher)}`);
  return matchers.length === 0 ? name : `${name}{${matchers.join(',')}}`;
}

/** Returns the `by (…)` of an aggregation; empty without labels. */
export function byLabels(labels: readonly (Label | 'le')[] = []): string {
  if (labels.length === 0) return '';
  return `by (${labels.map((one) => (one === 'le' ? one : label(one))).join(', ')}) `;
}
