// Runs the suite against the proxy and writes what came of each test: `node run.mjs <proxy> <results.json>`, with the
// token in SUITE_TOKEN. The verdicts are those of the suite's own page of results.
import fs from 'node:fs'

import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import { determineTestResult } from 'http-cache-tests/lib/display.mjs'

import { makeFetch } from './client.mjs'
import { startFront } from './front.mjs'
import suites from './newest.mjs'

// The page has a symbol for each; `harness_fail` it can never show, because of a slip in its condition.
const VERDICTS = {
  '-': 'untested',
  '✅': 'pass',
  '⛔️': 'fail',
  '⚠️': 'optional_fail',
  Y: 'yes',
  N: 'no',
  '🔹': 'setup_fail',
  '⁉️': 'harness_fail',
  '⚪️': 'dependency_fail',
  '↻': 'retry'
}

const [proxy, file] = process.argv.slice(2)
const front = await startFront(proxy, process.env.SUITE_TOKEN)
await runTests(suites, makeFetch(suites), false, `${front}/v1`)

const raw = getResults()
const results = suites.flatMap(suite => suite.tests
  .filter(test => !test.browser_only)
  .map(test => ({
    suite: suite.id,
    id: test.id,
    kind: test.kind ?? 'required',
    name: test.name,
    verdict: VERDICTS[determineTestResult(suites, test.id, raw)[2]],
    message: Array.isArray(raw[test.id]) ? raw[test.id].join(': ') : ''
  })))
fs.writeFileSync(file, JSON.stringify(results, null, 1))

// Connections that are kept alive would keep the process too.
process.exit()
