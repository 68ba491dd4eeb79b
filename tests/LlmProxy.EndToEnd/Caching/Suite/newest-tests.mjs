// The tests that the newest source of the suite has and its last package has not, by chapter. Ids, fields and
// expectations are facts of the suite; the names say in our words what is expected.

// The suite writes into the objects of a test, so each call makes its own.
const stored = (fields, more) => ({ response_headers: fields, setup: true, pause_after: true, ...more })
const reused = more => ({ expected_type: 'cached', ...more })
const asked = more => ({ expected_type: 'not_cached', ...more })

const test = (kind, id, dependsOn, name, ...requests) => ({ kind, id, depends_on: dependsOn, name, requests })
const required = (...parts) => test('required', ...parts)
const optimal = (...parts) => test('optimal', ...parts)
const check = (...parts) => test('check', ...parts)

// Seconds from now; the origin makes dates of them.
const MONTH = 30 * 24 * 60 * 60

const PRELOAD = ['link', '</styles.css>; rel=preload; as=style']
const OWN_FIELD = ['x-my-header', 'test']

function tooOld (id, age) {
  return required(id, ['freshness-max-age-age'], `An Age of ${age} seconds makes an answer stale`,
    stored([['Date', 0], ['Cache-Control', 'max-age=3600'], ['Age', age, false]]), asked())
}

// The second answer comes from the origin when the cache has none, and then it must not be stored.
function olderStays (id, directives) {
  return required(id, ['cc-resp-no-store'], `An answer with ${directives} leaves an older, fresh one in use`,
    stored([['Cache-Control', 'max-age=10000'], ['Expires', 10000], ['Date', 0], ['A', '1']]),
    stored([['Cache-Control', directives], ['Date', 0], ['A', '2']]),
    reused({ expected_response_headers: [['a', '1']] }))
}

// No part of these is set-up: what does not pass interim answers on fails them.
function afterInterim (kind, id, name, heads, first, second) {
  return test(kind, id, [], name,
    {
      interim_responses: heads,
      expected_interim_responses: heads,
      response_headers: [['Cache-Control', 'max-age=100000'], ['Date', 0]],
      pause_after: true,
      ...first
    },
    reused(second))
}

// RFC 9213: CDN-Cache-Control, in place of Cache-Control for those that a CDN's cache is addressed by.
const targeted = (value, ...fields) => [['CDN-Cache-Control', value, false], ...fields]
const beside = (cacheControl, value, ...fields) =>
  [['Cache-Control', cacheControl], ['CDN-Cache-Control', value, false], ...fields]
const LONGER = () => [['Cache-Control', 'max-age=1'], ['CDN-Cache-Control', 'max-age=10000'], ['Date', 0]]

const cdn = [
  optimal('cdn-max-age', ['freshness-none'], 'The targeted max-age makes an answer fresh',
    stored(targeted('max-age=3600')), reused()),
  optimal('cdn-max-age-max', ['freshness-none'], 'A targeted max-age of 2^31 is a long one',
    stored(targeted('max-age=2147483648')), reused()),
  optimal('cdn-max-age-max-plus', ['freshness-none'], 'A targeted max-age beyond 32 bits is a long one',
    stored(targeted('max-age=99999999999')), reused()),
  required('cdn-max-age-age', ['cdn-max-age'], 'Age counts against the targeted max-age',
    stored([['Date', 0], ...targeted('max-age=3600', ['Age', '7200'])]), asked()),
  check('cdn-max-age-space-before-equals', ['cdn-max-age'], 'Is a targeted max-age with a space before = ignored?',
    stored(beside('max-age=1', 'max-age =100')), asked()),
  check('cdn-max-age-space-after-equals', ['cdn-max-age'], 'Is a targeted max-age with a space after = ignored?',
    stored(beside('max-age=1', 'max-age= 100')), asked()),
  required('cdn-max-age-0', ['cdn-max-age'], 'A targeted max-age=0 makes an answer stale',
    stored(targeted('max-age=0')), asked()),
  optimal('cdn-max-age-extension', ['cdn-max-age'], 'An unknown directive beside the targeted max-age is no harm',
    stored(targeted('foobar, max-age=3600')), reused()),
  check('cdn-max-age-case-insensitive', ['cdn-max-age'], 'Does the case of the targeted max-age not matter?',
    stored(targeted('MaX-aGe=3600')), reused()),
  optimal('cdn-max-age-expires', ['cdn-max-age'], 'The targeted max-age outdoes an Expires of the past',
    stored(targeted('max-age=3600', ['Expires', -10000], ['Date', 0])), reused()),
  optimal('cdn-max-age-cc-max-age-invalid-expires', ['cdn-max-age'], 'The targeted max-age outdoes an invalid Expires',
    stored(targeted('max-age=3600', ['Expires', '0', false], ['Date', 0])), reused()),
  required('cdn-max-age-0-expires', ['cdn-max-age'], 'A targeted max-age=0 outdoes an Expires of the future',
    stored(targeted('max-age=0', ['Expires', 10000], ['Date', 0])), asked()),
  optimal('cdn-max-age-short-cc-max-age', ['cdn-max-age'], 'A long targeted max-age outdoes a short general one',
    stored(beside('max-age=1', 'max-age=3600')), reused()),
  required('cdn-max-age-long-cc-max-age', ['cdn-max-age'], 'A short targeted max-age outdoes a long general one',
    stored(beside('max-age=3600', 'max-age=1')), asked()),
  // These two are the ones whose targeted field must reach the client.
  ...['private', 'no-cache'].map(directive =>
    required(`cdn-${directive}`, [], `A targeted ${directive} outdoes a general max-age and Expires`,
      {
        response_headers: [
          ['CDN-Cache-Control', directive], ['Cache-Control', 'max-age=10000'], ['Expires', 10000], ['Date', 0]
        ],
        setup: true
      },
      asked())),
  required('cdn-no-store-cc-fresh', ['freshness-none'], 'A targeted no-store outdoes a general max-age and Expires',
    stored(beside('max-age=10000', 'no-store', ['Expires', 10000], ['Date', 0])), asked()),
  required('cdn-fresh-cc-nostore', ['freshness-none'], 'A targeted max-age outdoes a general no-store',
    stored(beside('no-store', 'max-age=10000')), reused()),
  required('cdn-cc-invalid-sh-type-unknown', ['cdn-max-age'], 'A targeted field that is no dictionary is ignored',
    stored(targeted('max-age=10000, &&&&&', ['Cache-Control', 'no-store'])), asked()),
  required('cdn-cc-invalid-sh-type-wrong', ['cdn-max-age'], 'A targeted max-age that is a string is ignored',
    stored(targeted('max-age="10000"', ['Cache-Control', 'no-store'])), asked()),
  check('cdn-remove-header', [], 'Is the targeted field sent on?',
    {
      response_headers: beside('max-age=10000', 'foo', ['Expires', 10000], ['Date', 0]),
      expected_response_headers: [['CDN-Cache-Control', 'foo']]
    }),
  check('cdn-remove-age-exceed', ['cdn-max-age'], 'Is Age sent when only the targeted max-age is long?',
    stored(LONGER()), { expected_response_headers: ['Age'] }),
  check('cdn-date-update-exceed', ['cdn-max-age'], 'Is Date kept when only the targeted max-age is long?',
    stored(LONGER()), { expected_response_headers: [['Date', 0]] }),
  check('cdn-expires-update-exceed', ['cdn-max-age'], 'Is Expires kept when only the targeted max-age is long?',
    stored([...LONGER(), ['Expires', 1]]), { expected_response_headers: [['Expires', 1]] })
]

const interim = [
  afterInterim('optimal', 'interim-102', 'A 102 is passed on, and what follows it is stored', [[102]]),
  afterInterim('optimal', 'interim-103', 'A 103 is passed on with its fields, and what follows it is stored',
    [[103, [PRELOAD, OWN_FIELD]]]),
  afterInterim('required', 'interim-not-cached', 'A 103 is passed on, but not stored',
    [[103, [PRELOAD]]], {}, { expected_interim_responses: [] }),
  afterInterim('optimal', 'interim-no-header-reuse', 'Fields of a 103 do not become fields of what follows it',
    [[103, [PRELOAD, OWN_FIELD]]],
    { expected_response_headers_missing: ['x-my-header'] }, { expected_response_headers_missing: ['x-my-header'] })
]

const swr = window => ['Cache-Control', `max-age=1, stale-while-revalidate=${window}`]
const lasting = () => stored([['Expires', MONTH], ['Date', 0]])

/** The tests to add to each chapter. */
export const additions = {
  'cc-freshness': [
    required('freshness-max-age-stale', ['freshness-max-age'], 'An answer older than its max-age is not used',
      stored([['Cache-Control', 'max-age=2'], ['Template-A', '1']]), asked())
  ],
  'age-parse': [
    tooOld('age-parse-large-minus-one', '2147483647'),
    tooOld('age-parse-large', '2147483648'),
    tooOld('age-parse-larger', '2147483649')
  ],
  'cc-response': [
    olderStays('cc-resp-no-store-old-new', 'no-store'),
    olderStays('cc-resp-no-store-old-max-age', 'no-store, max-age=0')
  ],
  stale: [
    optimal('stale-while-revalidate', ['freshness-max-age-stale'], 'A stale answer is used while it is revalidated',
      stored([swr(3600), ['ETag', '"abc"']]), reused()),
    required('stale-while-revalidate-window', ['stale-while-revalidate'],
      'A stale answer is not used when the window for its revalidation is over',
      stored([swr(4), ['ETag', '"abc"']]),
      stored([['Cache-Control', 'no-cache', false], ['ETag', '"def"', false]], reused()),
      { expected_response_headers: [['client-request-count', '3']] })
  ],
  status: [
    optimal('status-200-must-understand', ['status-200-fresh', 'cc-resp-no-store-fresh'],
      'With must-understand, no-store is nothing to a cache that knows the status',
      {
        response_status: [200, 'OK'],
        response_headers: [['Cache-Control', 'max-age=3600, no-store, must-understand']],
        setup: true
      },
      reused())
  ],
  other: [
    check('other-age-delay', [], 'Does an answer that took long have an Age?',
      {
        response_headers: [['Cache-Control', 'max-age=3600'], ['Date', 0]],
        response_pause: 5,
        expected_response_headers: [['age', '>', 0]]
      }),
    required('other-date-update-expires', ['freshness-expires-future'], 'Date stays as it is beside an Expires',
      lasting(), reused({ expected_response_headers: [['Date', 0]] })),
    check('other-date-update-expires-update', ['freshness-expires-future'], 'Does Expires stay as it is?',
      lasting(), reused({ expected_response_headers: [['Expires', MONTH]] }))
  ]
}

/** The chapters to add. */
export const chapters = [
  { id: 'cdn-cache-control', name: 'CDN-Cache-Control', tests: cdn },
  { id: 'interim', name: 'Interim Responses', tests: interim }
]
