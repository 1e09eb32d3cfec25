#!/usr/bin/env -S node --conditions=source
import module from 'node:module';
import { setTimeout } from 'node:timers';
import { compileCache } from './compile-cache.js';

// This file is plain JavaScript that an old Node can parse: a wrong version gets a sentence instead of a stack.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `converge: this is Node ${process.versions.node}, and converge needs Node 22.22 or newer: install a newer one, or give this project its own (\`npm install --save-dev node@24\`), which \`npx convergekit\` then uses.\n`,
  );
  process.exitCode = 1;
} else {
  // The code of a command is compiled once for a user, not at each call. Node's own default is a folder that others may make first.
  const folder = compileCache();
  if (folder !== undefined) module.enableCompileCache(folder);
  const { exitOnUncaught, logger, converge } = await import('#command');
  exitOnUncaught(logger('converge'));
  // The reader has closed the pipe (`converge … | head`).
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.exitCode = await converge(process.argv.slice(2));
  // Whatever still holds the event loop must not keep a finished command alive.
  setTimeout(() => process.exit(), 1_000).unref();
}
