import { attributeNames, type Labels } from '@convergekit/telemetry/engine';

/** The label of every series of a relay: a process may serve several sources. */
export type SourceLabel = Labels<typeof attributeNames.source>;

/** Returns the label of a source. */
export function sourceLabel(source: string): SourceLabel {
  return { [attributeNames.source]: source };
}
