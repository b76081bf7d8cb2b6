// Only on PostgreSQL: it reads its URLs.
import t from 'tap'
import { describeDatabase, faultOfDatabaseUrl, isDatabaseUrl } from '../../../db/open.ts'
import { parseUrl } from '../../../db/postgres/url.ts'

t.test('a URL of PostgreSQL is read as libpq reads it', async (t) => {
  const whole = { host: 'db.example.com', port: 5432, database: 'latchkey', user: 'me', password: 'hunter2', ssl: false }
  t.same(parseUrl('postgres://me:hunter2@db.example.com/latchkey'), whole)
  t.same(parseUrl('postgresql://me:hunter2@db.example.com:6432/latchkey'), { ...whole, port: 6432 })
  t.same(parseUrl('postgres://m%40e:h%2Fu%25@[2001:db8::1]/latch%20key'), {
    ...whole,
    host: '2001:db8::1',
    user: 'm@e',
    password: 'h/u%',
    database: 'latch key',
  })
  t.same(parseUrl('postgres://me@/latchkey?host=/run/postgresql&port=6432'), {
    ...whole,
    host: '/run/postgresql',
    port: 6432,
    password: '',
  })
  t.same(parseUrl('postgres://me:hunter2@db.example.com/latchkey?sslmode=require').ssl, { rejectUnauthorized: false })
  t.same(parseUrl('postgres://me:hunter2@db.example.com/latchkey?sslmode=verify-full').ssl, {
    rejectUnauthorized: true,
    host: 'db.example.com',
  })
})

t.test('what is wrong with a URL of PostgreSQL is said without its password', async (t) => {
  const wrong: [url: string, fault: RegExp][] = [
    ['postgres://me:hunter2@one,two/latchkey', /^it names several hosts/],
    ['postgres://me:hunter2@one:5432,two:5432/latchkey', /^it names several hosts/],
    ['postgres://me:hunter2@/latchkey?host=one,two', /^it names several hosts/],
    ['postgres://me:hunter2@/latchkey', /^it must name a host/],
    ['postgres:///latchkey', /^it must name a host/],
    ['postgres://me:hunter2@localhost', /^it must name a database/],
    ['postgres://me:hunter2@localhost/', /^it must name a database/],
    ['postgres://localhost/latchkey', /^it must name a user/],
    ['postgres://me:hun#ter2@localhost/latchkey', /^it is no URL/],
    ['postgres://me:hunter2@localhost/latchkey#hunter2', /^it is no URL/],
    ['postgres://me:hunter2@localhost:99999/latchkey', /^it is no URL/],
    ['postgres://me:hunter2@localhost/latchkey?port=x', /^its port must be/],
    ['postgres://me:%zz@localhost/latchkey', /^it has a percent sign that encodes nothing/],
    ['postgres://me:hunter2@localhost/latchkey?sslmode=prefer', /^its sslmode must be disable, require or verify-full$/],
    ['postgres://me:hunter2@localhost/latchkey?sslmode=verify-ca', /^its sslmode must be/],
    ['postgres://me:hunter2@localhost/latchkey?sslrootcert=/tmp/x', /^sslrootcert has a meaning only with sslmode=verify-full/],
    ['postgres://me:hunter2@localhost/latchkey?sslmode=verify-full&sslrootcert=/nowhere/ca.pem', /^its sslrootcert cannot be read: ENOENT/],
    ['postgres://me:hunter2@localhost/latchkey?options=-cx', /^it has a parameter that is not known here; those that are: host, port/],
    ['postgres://me:1?hunter2@localhost/latchkey', /^it has a parameter that is not known here/],
  ]
  for (const [url, fault] of wrong) {
    t.equal(isDatabaseUrl(url), false, url)
    t.match(faultOfDatabaseUrl(url), fault, url)
    t.notMatch(faultOfDatabaseUrl(url), /hunter|ter2/, url)
  }
})

t.test('the place of a database on a server is told without credentials', async (t) => {
  t.match(describeDatabase('postgres://me:hunter2@db.example.com/latchkey'), { place: 'latchkey on db.example.com:5432', isShared: true })
  t.match(describeDatabase('postgres://me@/latchkey?host=/run/postgresql'), { place: 'latchkey on /run/postgresql', isShared: true })
})
