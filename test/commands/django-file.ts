import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import { folder } from '../server/process.ts'

// Databases as Django 5.2 and Simple JWT make them, by the DDL of their migrations. Made by Node's own SQLite, because tests that run on
// PostgreSQL have no better-sqlite3.

const AUTH_USER = `CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL,
  "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL,
  "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL)`
const ADMIN_LOG = `CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "action_time" datetime NOT NULL,
  "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED)`
const OUTSTANDING = `CREATE TABLE "token_blacklist_outstandingtoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "token" text NOT NULL,
  "created_at" datetime NULL, "expires_at" datetime NOT NULL, "user_id" integer NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
  "jti" varchar(255) NOT NULL UNIQUE)`
const BLACKLISTED = `CREATE TABLE "token_blacklist_blacklistedtoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "blacklisted_at" datetime NOT NULL,
  "token_id" bigint NOT NULL UNIQUE REFERENCES "token_blacklist_outstandingtoken" ("id") DEFERRABLE INITIALLY DEFERRED)`
export const AUTH_TABLES = [AUTH_USER, ADMIN_LOG, OUTSTANDING, BLACKLISTED]

/** A table of a project's own, on AbstractBaseUser and PermissionsMixin. */
export const OWN_TABLE = `CREATE TABLE "accounts_member" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL,
  "last_login" datetime NULL, "is_superuser" bool NOT NULL, "nickname" varchar(30) NOT NULL, "login" varchar(200) NOT NULL UNIQUE)`

export const HASH = 'pbkdf2_sha256$1000$kL3vNq8sTz1XwBy5RmCd7e$Q6uYfFO7bu+ZFUgf6jVZHQtWNOxU3OSrrlqV16R/iIk='
export const OTHER_HASH = 'pbkdf2_sha256$1000$aaaaaaaaaaaaaaaaaaaaaa$Q6uYfFO7bu+ZFUgf6jVZHQtWNOxU3OSrrlqV16R/iIk='

export interface DjangoUser {
  readonly id: number | bigint
  readonly username: string
  readonly password?: string
  readonly last_login?: string | null
  readonly is_superuser?: 0 | 1
  readonly is_staff?: 0 | 1
  readonly is_active?: 0 | 1
  readonly date_joined?: string
  readonly email?: string
}

/** A SQLite file of Django, open for writing, with these users. It is closed at the end of the test. */
export function djangoFile(t: Pick<Test, 'teardown'>, users: readonly DjangoUser[] = [], tables: readonly string[] = AUTH_TABLES) {
  const file = join(folder(t), 'db.sqlite3')
  const django = new DatabaseSync(file)
  t.teardown(() => django.close())
  for (const table of tables) django.exec(table)
  if (users.length > 0) addUsers(django, users)
  return { django, source: `file:${file}` }
}

export function addUsers(django: DatabaseSync, users: readonly DjangoUser[]): void {
  const insert = django.prepare(`insert into auth_user
    (id, username, password, last_login, is_superuser, is_staff, is_active, date_joined, email, first_name, last_name)
    values (@id, @username, @password, @last_login, @is_superuser, @is_staff, @is_active, @date_joined, @email, '', '')`)
  insert.setReadBigInts(true)
  const all = {
    password: HASH,
    last_login: null,
    is_superuser: 0,
    is_staff: 0,
    is_active: 1,
    date_joined: '2025-01-02 03:04:05.678901',
    email: '',
  }
  for (const user of users) insert.run({ ...all, ...user })
}

/** Adds a token to the blacklist of Simple JWT. */
export function blacklist(django: DatabaseSync, token: { jti: string; user_id: number | null; expires_at: string }): void {
  const { lastInsertRowid } = django
    .prepare(`insert into token_blacklist_outstandingtoken (token, expires_at, user_id, jti) values ('…', @expires_at, @user_id, @jti)`)
    .run(token)
  django
    .prepare(`insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) values ('2026-01-01 00:00:00', ?)`)
    .run(lastInsertRowid)
}

export function md5(hash: string): string {
  return createHash('md5').update(hash).digest('hex').toUpperCase()
}
