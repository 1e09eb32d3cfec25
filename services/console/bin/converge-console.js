#!/usr/bin/env -S node --conditions=source
import { runConsole } from '@convergekit/console';

await runConsole(process.argv[2]);
