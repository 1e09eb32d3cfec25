import { acceptCommand } from './accept.ts';
import { checkCommand, createCommand } from './create.ts';
import { forgetCommand } from './forget.ts';

export const topicCommands = [createCommand, checkCommand, acceptCommand, forgetCommand];
