import { disownCommand } from './disown.ts';
import { rebaseCommand } from './rebase.ts';
import { showCommand } from './show.ts';

export const sourceCommands = [showCommand, rebaseCommand, disownCommand];
