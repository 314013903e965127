// Audits a server against GraphQL over HTTP with the audits of the graphql-http package. Every MUST and SHOULD has to
// pass; the MAYs are printed too. The header says that the GETs are no forged requests of another site.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: scripts/audit/run URL, for example http://127.0.0.1:8080/graphql');
  process.exit(2);
}

function asked(target, init = {}) {
  const headers = new Headers(init.headers);
  headers.set('GraphQL-Require-Preflight', '1');
  return fetch(target, { ...init, headers, signal: AbortSignal.timeout(10_000) });
}

const passed = { MUST: 0, SHOULD: 0, MAY: 0 };
const failed = { MUST: 0, SHOULD: 0, MAY: 0 };
for (const audit of serverAudits({ url, fetchFn: asked })) {
  const level = audit.name.split(' ')[0];
  const result = await audit.fn();
  if (result.status === 'ok') {
    passed[level]++;
    continue;
  }
  failed[level]++;
  console.log(`${audit.id} ${audit.name}: ${result.reason}`);
}
for (const level of ['MUST', 'SHOULD', 'MAY']) {
  console.log(`${level}: ${passed[level]} of ${passed[level] + failed[level]} pass`);
}
const audits = Object.values(passed).reduce((a, b) => a + b) + failed.MUST + failed.SHOULD + failed.MAY;
process.exit(failed.MUST + failed.SHOULD > 0 || audits === 0 ? 1 : 0);
