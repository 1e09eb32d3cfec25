import { checkCommand } from './check.ts';
import { writeCommand } from './write.ts';

export const schemaCommands = [writeCommand, checkCommand];
