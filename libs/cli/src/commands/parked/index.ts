import { editCommand, replaceCommand } from './edit.ts';
import { listCommand, showCommand } from './list.ts';
import { retryCommand } from './retry.ts';
import { skipCommand } from './skip.ts';

export const parkedCommands = [
  listCommand,
  showCommand,
  retryCommand,
  skipCommand,
  editCommand,
  replaceCommand,
];
