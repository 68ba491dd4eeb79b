/** Sends the head of an interim answer (RFC 9110 §15.2), if Node can: of a 102 (RFC 2518 §10.1) or 103 (RFC 8297). */
export function sendInterim (response, status, fields) {
  if (status === 102) response.writeProcessing()
  if (status === 103) response.writeEarlyHints(fields)
}
