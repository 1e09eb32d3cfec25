import type { Plugin } from 'vitest/config';
import type { Reporter } from 'vitest/node';

/** Adds reporters to whichever a run has: `--reporter` replaces those of the configuration. */
export function inEveryRun(reporters: readonly Reporter[]): Plugin {
  return {
    name: 'converge-reporters',
    configureVitest({ vitest: { config } }) {
      // Each project has the plugin.
      config.reporters.push(...reporters.filter((one) => !config.reporters.includes(one)));
    },
  };
}
