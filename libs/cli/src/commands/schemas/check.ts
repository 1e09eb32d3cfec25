import { checkSchemas } from '@convergekit/contracts/operate';
import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { documentFlags, modulesArgument, readModules } from './event-modules.ts';

/** Compares the events that modules export with the committed files, for a CI job. */
export const checkCommand = command({
  name: 'check',
  summary:
    'compare the events that modules export with the files that were written; exits with 1 on a difference',
  args: modulesArgument,
  flags: documentFlags,
  run: async (_context, input) => {
    const { events, dir, info } = await readModules(input);
    const changes = await checkSchemas(events, dir, info);
    const lines = (): readonly string[] =>
      changes.length === 0
        ? [`the files in ${dir} are those of the events`]
        : changes.map(
            ({ kind, type, version, path, reason, fix }) =>
              `${kind}: ${type} v${version}${path === '' ? '' : ` ${path}`}: ${reason}; ${fix}`,
          );
    return result({ changes }, lines, changes.length === 0);
  },
});
