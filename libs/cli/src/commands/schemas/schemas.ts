import { checkSchemas, writeSchemas } from '@convergekit/contracts/operate';
import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { documentFlags, modulesArgument, readModules } from './event-modules.ts';

/** Writes the schemas of the events that modules export; connects to nothing. Rejects with SCHEMAS_INCOMPATIBLE. */
const writeCommand = command({
  name: 'write',
  summary: 'write a JSON Schema per event, and an AsyncAPI document, from the events that modules export',
  args: modulesArgument,
  flags: documentFlags,
  run: async (_context, input) => {
    const { events, dir, info } = await readModules(input);
    const files = await writeSchemas(events, dir, info);
    return result({ files }, () => files.map((file) => `wrote ${file}`));
  },
});

/** Compares the events that modules export with the committed files, for a CI job. */
const checkCommand = command({
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

export const schemaCommands = [writeCommand, checkCommand];
