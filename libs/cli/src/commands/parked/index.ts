import { edit, groups, list, replace, retry, skip } from '@convergekit/operate/parked';
import { actCommand, listCommand } from '../../frame/act-command.ts';
import { showCommand } from './show.ts';

export const parkedCommands = [
  listCommand(groups),
  listCommand(list),
  showCommand,
  ...[retry, skip, edit, replace].map(actCommand),
];
