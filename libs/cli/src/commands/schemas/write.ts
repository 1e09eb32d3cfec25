import { writeSchemas } from '@convergekit/contracts/operate';
import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { documentFlags, modulesArgument, readModules } from './event-modules.ts';

/** Writes the schemas of the events that modules export; connects to nothing. Rejects with SCHEMAS_INCOMPATIBLE. */
export const writeCommand = command({
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
