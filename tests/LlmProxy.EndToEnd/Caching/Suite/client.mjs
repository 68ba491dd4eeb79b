// The client's side of what the newest source asks for beside the package: answers of any status, and interim answers,
// which no `fetch` shows.
import http from 'node:http'

import { assert } from 'http-cache-tests/lib/utils.mjs'

// The suite itself would wait for ever for an answer that does not come.
const PATIENCE = 30_000
const agent = new http.Agent({ keepAlive: true })

/** Answers the `fetch` for the package's client to run the tests of these suites with. */
export function makeFetch (suites) {
  const tests = new Map(suites.flatMap(suite => suite.tests).map(test => [test.id, test]))
  return async (url, { method = 'GET', headers = [], body } = {}) => {
    const fields = new Map(headers.map(([name, value]) => [name, value]))
    const expected = tests.get(fields.get('Test-ID'))?.requests[fields.get('Req-Num') - 1] ?? {}
    const response = await send(url, method, headers, body)

    // "Any status" is the one that came. The package cannot express it, and compares afterwards.
    if (expected.expected_status === null) expected.expected_status = response.status
    checkInterim(expected, response.interim)
    return response
  }
}

function send (url, method, headers, body = '') {
  return new Promise((resolve, reject) => {
    const interim = []
    const request = http.request(url, {
      agent, method, headers: rawFields(url, headers, body), signal: AbortSignal.timeout(PATIENCE)
    })
    request.on('information', head => interim.push([head.statusCode, head.headers]))
    request.on('response', answer => read(answer, interim).then(resolve, reject))
    request.on('error', reject)
    request.end(body)
  })
}

// As a list: a field that a test gives twice is sent as two lines. Node adds no Host to such a list.
function rawFields (url, headers, body) {
  const own = [['Host', new URL(url).host], ['Accept', '*/*'], ['User-Agent', 'cache-suite']]
  if (body !== '') own.push(['Content-Length', Buffer.byteLength(body)])
  return [...own, ...headers].flat().map(String)
}

async function read (answer, interim) {
  const chunks = await answer.toArray()
  const headers = new Headers()
  for (let i = 0; i < answer.rawHeaders.length; i += 2) headers.append(answer.rawHeaders[i], answer.rawHeaders[i + 1])
  return {
    status: answer.statusCode,
    statusText: answer.statusMessage,
    headers,
    interim,
    text: async () => Buffer.concat(chunks).toString()
  }
}

// Stricter than the suite, which looks for fields by name only and never for an interim answer too many.
function checkInterim ({ expected_interim_responses: expected, setup }, received) {
  if (expected === undefined) return
  assert(setup, received.length === expected.length,
    `${received.length} interim answers arrived, not ${expected.length}`)
  expected.forEach(([status, fields = []], i) => {
    assert(setup, received[i][0] === status, `Interim answer ${i + 1} is a ${received[i][0]}, not a ${status}`)
    for (const [name, value] of fields) {
      assert(setup, received[i][1][name] === value,
        `Interim answer ${i + 1} has ${name} "${received[i][1][name]}", not "${value}"`)
    }
  })
}
