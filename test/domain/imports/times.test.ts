// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { timeReader } from '../../../domain/imports/times.ts'
import { isTimeZone } from '../../../domain/time-zones.ts'

/** Times as SQLite, PostgreSQL and JSON have them, and the instant. */
const TIMES = [
  ['2026-02-03 04:05:06.789999', '2026-02-03T04:05:06.789Z'],
  ['2026-02-03 04:05:06', '2026-02-03T04:05:06.000Z'],
  ['2026-02-03 04:05:06.5', '2026-02-03T04:05:06.500Z'],
  ['2026-02-03T04:05:06.789Z', '2026-02-03T04:05:06.789Z'],
  ['2026-02-03 04:05:06.789+00', '2026-02-03T04:05:06.789Z'],
  ['2026-02-03 04:05:06-03:30', '2026-02-03T07:35:06.000Z'],
  ['2026-02-03 04:05:06+0545', '2026-02-02T22:20:06.000Z'],
  ['0070-01-01 00:00:00', '0070-01-01T00:00:00.000Z'],
  ['1969-12-31 23:59:59.999', '1969-12-31T23:59:59.999Z'],
] as const

t.test('times are read to the millisecond, in UTC unless they say another zone', async (t) => {
  const read = timeReader(undefined)
  for (const [text, instant] of TIMES) t.equal(read(text), Date.parse(instant), text)
  for (const text of ['', 'never', 'infinity', '2026-02-03', '1770091506', '2026-02-03 04:05:06 BC']) t.equal(read(text), undefined, text)
  for (const text of ['2026-02-30 00:00:00', '2026-13-01 00:00:00', '2026-02-03 24:00:00', '2026-02-03 04:60:00', '0000-00-00 00:00:00'])
    t.equal(read(text), undefined, text)
  // Beyond those that Django, PostgreSQL and ISO 8601 with four digits have, also where only the zone takes it there.
  for (const text of ['0000-12-31 00:00:00', '0001-01-01 00:00:00+01', '9999-12-31 23:59:59-01']) t.equal(read(text), undefined, text)
})

t.test('local times are those of the zone at that time of the year, and what says its zone is of that', async (t) => {
  const read = timeReader('Europe/Berlin')
  t.equal(read('2026-01-15 12:00:00.25'), Date.parse('2026-01-15T11:00:00.250Z'))
  t.equal(read('2026-07-15 12:00:00'), Date.parse('2026-07-15T10:00:00Z'))
  t.equal(read('2026-07-15T12:00:00Z'), Date.parse('2026-07-15T12:00:00Z'))
  t.equal(read('2026-10-25 02:30:00'), Date.parse('2026-10-25T00:30:00Z'), 'of two the first')
  t.equal(read('2026-03-29 02:30:00'), Date.parse('2026-03-29T01:30:00Z'), 'which there was not')
  t.equal(read('2026-02-30 00:00:00'), undefined)
})

t.test('a time zone has a name of its own', async (t) => {
  for (const name of ['Europe/Berlin', 'UTC', 'Asia/Kathmandu', 'America/Chicago']) t.ok(isTimeZone(name), name)
  for (const name of ['', 'Mars/Base', 'local', 'Europe']) t.notOk(isTimeZone(name), name)
})
