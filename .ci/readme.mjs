// Runs the README's first questions and its first purchase against a running demo and checks that every answer has the shape that the README
// shows: the same fields, no errors. Usage: node .ci/readme.mjs http://127.0.0.1:PORT
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [base] = process.argv.slice(2);
if (!base) {
  console.error('usage: node .ci/readme.mjs URL');
  process.exit(2);
}
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const sections = readme.split(/^## /m).filter((s) => s.startsWith('First questions') || s.startsWith('Buy it'));
const pairs = sections.flatMap((section) => [...section.matchAll(/```sh\n(.*?)```.*?```json\n(.*?)```/gs)]);

// shape is a value without its scalars; a list has the shape of its first entry. Null fits anything.
function fits(got, want, path) {
  if (want === null || got === null || typeof want !== 'object') return [];
  if (Array.isArray(want)) {
    if (!Array.isArray(got) || (got.length === 0 && want.length > 0)) return [`${path} is no list with entries`];
    return want.length ? fits(got[0], want[0], `${path}[0]`) : [];
  }
  const keys = (o) => Object.keys(o).join(' ');
  if (keys(got) !== keys(want)) return [`${path} has "${keys(got)}", the README shows "${keys(want)}"`];
  return Object.keys(want).flatMap((k) => fits(got[k], want[k], `${path}.${k}`));
}

let failed = sections.length === 2 && pairs.length > 2 ? 0 : 1;
for (const [, command, expected] of pairs) {
  const out = execFileSync('bash', ['-euo', 'pipefail', '-c', command.replaceAll('http://127.0.0.1:8080', base)], { encoding: 'utf8' });
  const problems = fits(JSON.parse(out), JSON.parse(expected), '');
  if (problems.length) {
    failed++;
    console.log(`${command}${out}\n${problems.join('\n')}`);
  }
}
console.log(`README: ${pairs.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
