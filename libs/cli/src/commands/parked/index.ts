import { editCommand } from './edit.ts';
import { listCommand } from './list.ts';
import { replaceCommand } from './replace.ts';
import { retryCommand } from './retry.ts';
import { showCommand } from './show.ts';
import { skipCommand } from './skip.ts';

export const parkedCommands = [
  listCommand,
  showCommand,
  retryCommand,
  skipCommand,
  editCommand,
  replaceCommand,
];
