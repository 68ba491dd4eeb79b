// Stands before the proxy as a client of it would: gives each request the token, and changes nothing else.
import http from 'node:http'

import { sendInterim } from './interim.mjs'
import { statusOf } from './status.mjs'

// The suite's client and the proxy each have their own connection to the front.
const PER_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection'])

/** Answers the base URL of a front that listens on loopback for as long as the process runs. */
export async function startFront (proxy, token) {
  const agent = new http.Agent({ keepAlive: true })
  const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { method, url } = request
    const onward = http.request(proxy, { agent, method, path: url, headers: headersOf(request, token) })
    onward.on('information', head => sendInterim(response, head.statusCode, head.headers))
    onward.on('response', answer => passBack(answer, response))
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return `http://127.0.0.1:${server.address().port}`
}

// A client of the proxy has the token where its key for the origin would be. A test that sends an Authorization of its
// own goes without: the proxy takes what stands there for a token, whoever put it there, and never sends it on.
function headersOf (request, token) {
  const headers = 'authorization' in request.headers ? [] : ['Authorization', `Bearer ${token}`]
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (!PER_CONNECTION.has(request.rawHeaders[i].toLowerCase())) {
      headers.push(request.rawHeaders[i], request.rawHeaders[i + 1])
    }
  }
  return headers
}

function passBack (answer, response) {
  response.sendDate = false
  response.writeHead(statusOf(answer), answer.statusMessage, answer.rawHeaders)
  answer.pipe(response)
  answer.on('error', () => response.destroy())
}
