// The suite's origin on loopback; its own server.mjs listens on every interface and serves the files of its folder.
import http from 'node:http'

import handleConfig from 'http-cache-tests/server/handle-config.mjs'
import handleState from 'http-cache-tests/server/handle-state.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'
import { configs } from 'http-cache-tests/server/utils.mjs'

import { sendInterim } from './interim.mjs'
import { hideStatus } from './status.mjs'

// Below /v1, which the proxy sends to its default provider: a path is then the same before and behind it, and what the
// origin says in Location is where the client finds it.
const handlers = { config: handleConfig, state: handleState, test: handleNewestTest }

// Idle connections are the proxy's to close: a request on one that closes just then would be a failure of nobody.
const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const [kind, ...segments] = new URL(request.url, 'http://origin').pathname.split('/').slice(2)
  hideStatus(response)
  handlers[kind](segments, request, response)
})

// Adds what the newest source asks of its origin beside the package's: a delay in seconds, and interim answers.
function handleNewestTest (segments, request, response) {
  const { response_pause: pause = 0, interim_responses: heads = [] } =
    configs.get(segments[0])?.[request.headers['req-num'] - 1] ?? {}
  const answer = () => {
    for (const [status, fields = []] of heads) sendInterim(response, status, Object.fromEntries(fields))
    handleTest(segments, request, response)
  }
  if (pause === 0) answer()
  else setTimeout(answer, pause * 1000)
}

server.listen(0, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}/`))
