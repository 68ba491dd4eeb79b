// The suite's origin says with status 999 that it was asked without the validator that it had expected. There is no
// such status (RFC 9110 §15), so the proxy answers 502 in its place, and the suite would take a failed test for one
// whose preparation went wrong. Between origin and front it travels as another status.
const UNEXPECTED = 999
const STAND_IN = 499
const MARK = 'suite-status'

/** In the origin. */
export function hideStatus (response) {
  const end = response.end
  response.end = function (...rest) {
    if (this.statusCode === UNEXPECTED) {
      this.statusCode = STAND_IN
      this.setHeader(MARK, UNEXPECTED)
    }
    return end.apply(this, rest)
  }
}

/** In the front: the status as the origin meant it. */
export function statusOf (answer) {
  return Number(answer.headers[MARK] ?? answer.statusCode)
}
