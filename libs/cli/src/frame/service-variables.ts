import type { Environment } from '@convergekit/config';
import { loose, nearest } from '@convergekit/config/engine';

/**
 * Leaves out the variables of a service's own settings, such as CONVERGE__HTTP__PORT: commands run in the environment of
 * a service (pure). A group that resembles one of the commands stays, since it is a typing error.
 */
export function withoutServiceVariables(env: Environment, groups: readonly string[]): Environment {
  const known = groups.map(loose);
  const isForeign = (name: string): boolean => {
    const [, group = ''] = /^CONVERGE__(.+?)(__|$)/.exec(name) ?? [];
    return group !== '' && nearest(loose(group), known) === undefined;
  };
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isForeign(name)));
}
