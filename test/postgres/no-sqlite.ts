/**
 * Takes the place of better-sqlite3 in tests that run on PostgreSQL. One that opened SQLite there would pass, and say nothing about
 * PostgreSQL.
 */
export default class NoSqlite {
  static SqliteError = class extends Error {}

  constructor() {
    throw new Error('a test opened SQLite while it ran on PostgreSQL: see CONTRIBUTING.md, Test')
  }
}
