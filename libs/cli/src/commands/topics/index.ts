import { acceptCommand } from './accept.ts';
import { checkCommand } from './check.ts';
import { createCommand } from './create.ts';
import { forgetCommand } from './forget.ts';

export const topicCommands = [createCommand, checkCommand, acceptCommand, forgetCommand];
