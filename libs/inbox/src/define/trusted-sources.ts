import { boundText } from '@convergekit/contracts';
import { InboxError } from '../errors.ts';

/** Source name → uuid. */
export type TrustedSources = Readonly<Record<string, string>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** As records have them. A name or an id that no source can have throws CONSUMER_INVALID. */
export function trustedSources(consumer: string, sources: TrustedSources): TrustedSources {
  const entries = Object.entries(sources).map(([name, id]) => [name, id.toLowerCase()] as const);
  for (const [name, id] of entries)
    if (name === '' || boundText(name) !== name || !UUID.test(id))
      throw new InboxError(
        'CONSUMER_INVALID',
        `consumer ${consumer} lists the source ${name} as ${id}, which is no name and uuid of a source: \`converge source show\` prints both`,
      );
  return Object.freeze(Object.fromEntries(entries));
}
